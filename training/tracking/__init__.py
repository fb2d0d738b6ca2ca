"""Runs and model versions in MLflow. The only folder that imports it; the import costs seconds, so it comes late."""

import os

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # read at import: a training job reports to nobody else
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")  # an unreachable server is told within seconds

from training.tracking.kept import WINNER, Recorded, Version
from training.tracking.run import Run
from training.tracking.tracker import CHALLENGER, CHAMPION, HOST, MODEL, PID, Tracker

__all__ = ["CHALLENGER", "CHAMPION", "HOST", "MODEL", "PID", "WINNER", "Recorded", "Run", "Tracker", "Version"]
