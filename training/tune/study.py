"""Studies in a database: opened, kept apart by what they are made for, and their trials counted once each."""

import hashlib
import json
import logging
import os
import re
import socket
import sqlite3
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import ExperimentalWarning, OptunaError
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, IntegrityError, OperationalError, ProgrammingError, SQLAlchemyError

from recsys.errors import ConfigError, StoreError
from training.champion import alive
from training.tune.pruning import MedianRule

HEARTBEAT = 15  # seconds
GRACE = 180  # seconds without a heartbeat after which a trial is lost
RETRIES = 2  # of a trial that was lost with its process
ATTEMPTS = 10  # at making tables that another worker makes at the same time
NAME = re.compile(r"[\w][\w. -]{0,199}")

# user attributes of a trial
OWNER, FACTORS, DEFAULT, RECIPE = "owner", "factors", "default", "recipe"
FAILED, SURPLUS, RETRY_OF, RETRY = "failed", "surplus", "retry_of", "retry"
# and of a study
DIGEST, RUN = "digest", "mlflow_run"


def digest_of(facts: Mapping[str, Any]) -> str:
    """What tells unlike searches apart."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()


def default_storage(var: Path) -> str:
    """The URL of the database under ``var``; StoreError where nothing can be written there."""
    folder = var / "tune"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{folder} cannot be made: {error}.") from None
    return f"sqlite:///{folder / 'studies.db'}"


def open_storage(url: str) -> RDBStorage:
    """Connect, and make the tables where there are none. Raises ConfigError or StoreError."""
    try:
        location = make_url(url)
    except ArgumentError:
        raise ConfigError("--storage is no URL; write sqlite:///FILE or postgresql://USER@HOST/DATABASE.") from None
    options: dict[str, Any] = {"pool_pre_ping": True}
    if location.get_backend_name() == "sqlite":
        options = {"connect_args": {"timeout": 60, "factory": _Logged}}
    elif location.drivername == "postgresql":
        location = location.set(drivername="postgresql+psycopg")
    full = location.render_as_string(hide_password=False)
    with told(url, RuntimeError, OSError):
        return _made(full, options)


def _made(url: str, options: dict[str, Any]) -> RDBStorage:
    for attempt in count(1):
        try:
            with _quiet():
                return RDBStorage(url, options, heartbeat_interval=HEARTBEAT, grace_period=GRACE)
        except ImportError as error:
            raise ConfigError(
                f'--storage needs a driver that is missing ({error}); for PostgreSQL: pip install "recsys[postgres]".'
            ) from None
        except (IntegrityError, OperationalError, ProgrammingError) as error:
            if attempt == ATTEMPTS or "connect" in str(error):
                raise
            time.sleep(0.3)  # another worker makes the same tables right now
    raise AssertionError("count never ends")


def open_study(storage: RDBStorage, name: str, digest: str, place: str) -> optuna.Study:
    """The study of this name, made where there is none. ConfigError where it was made for something else."""
    if not NAME.fullmatch(name):
        raise ConfigError(f"A study cannot be called {name!r}; use letters, digits, spaces and . _ - in it.")
    optuna.logging.set_verbosity(optuna.logging.ERROR)  # what happens is told by our own progress
    with told(place):
        study = optuna.create_study(
            storage=storage, study_name=name, direction="maximize", load_if_exists=True, pruner=MedianRule()
        )
        known = study.user_attrs.get(DIGEST)
        if known is None:
            study.set_user_attr(DIGEST, digest)
        elif known != digest:
            raise ConfigError(
                f"The study {name!r} was made for other data, another spec, metric or search space; its trials do not "
                "compare with these. Choose another --study, or leave it out."
            )
    return study


def counted(study: optuna.Study) -> list[FrozenTrial]:
    """Trials that count, in their order: not those lost with their process, nor one too many."""
    return [trial for trial in study.get_trials(deepcopy=False) if not (SURPLUS in trial.user_attrs or is_lost(trial))]


def is_lost(trial: FrozenTrial) -> bool:
    """Whether a trial ended without a word: its process was killed or interrupted."""
    return trial.state == TrialState.FAIL and FAILED not in trial.user_attrs and SURPLUS not in trial.user_attrs


def is_default(trial: FrozenTrial | optuna.Trial) -> bool:
    """Whether a trial is of the spec's own settings: the first of a study, or its retry."""
    return trial.number == 0 or bool(trial.user_attrs.get(DEFAULT))


def reclaim(study: optuna.Study) -> int:
    """End the trials of dead processes and queue lost ones again, with the same settings; gives the number queued."""
    trials = study.get_trials(deepcopy=False)
    for trial in trials:
        if trial.state == TrialState.RUNNING and _is_dead(trial):
            with suppress(ValueError, OptunaError):  # another worker was quicker
                study.tell(trial.number, state=TrialState.FAIL)
    trials = study.get_trials(deepcopy=False)
    retried = {trial.user_attrs.get(RETRY_OF) for trial in trials}
    queued = 0
    for trial in trials:
        retry = trial.user_attrs.get(RETRY, 0)
        if is_lost(trial) and trial.number not in retried and retry < RETRIES:
            study.enqueue_trial(trial.params, _of_retry(trial, retry + 1))
            queued += 1
    return queued


def owner() -> str:
    """Who runs a trial."""
    return f"{socket.gethostname()}:{os.getpid()}"


@contextmanager
def told(url: str, *also: type[Exception]) -> Iterator[None]:
    """What a database cannot do becomes a sentence without a password."""
    kinds: tuple[type[Exception], ...] = (SQLAlchemyError, OptunaError, *also)
    try:
        yield
    except kinds as error:
        first = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        raise StoreError(
            f"The studies at {make_url(url).render_as_string()} cannot be read or written: {first} Give --storage a "
            "database or a schema of its own."
        ) from None


def _of_retry(trial: FrozenTrial, retry: int) -> dict[str, Any]:
    kept = {key: trial.user_attrs[key] for key in (FACTORS,) if key in trial.user_attrs}
    return {**kept, DEFAULT: is_default(trial), RETRY_OF: trial.number, RETRY: retry}


def _is_dead(trial: FrozenTrial) -> bool:
    """Whether its process is known to be dead; of other machines the heartbeat tells."""
    host, _, pid = str(trial.user_attrs.get(OWNER, "")).rpartition(":")
    if not host:  # killed before it could say whose it is
        begun = trial.datetime_start
        return begun is not None and datetime.now(begun.tzinfo) - begun > timedelta(seconds=GRACE)
    return host == socket.gethostname() and not alive(int(pid))


class _Logged(sqlite3.Connection):
    """SQLite with a write-ahead log: a commit survives the death of its process, and need not wait for the disk."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.execute("PRAGMA journal_mode = WAL")
        self.execute("PRAGMA synchronous = NORMAL")


@contextmanager
def _quiet() -> Iterator[None]:
    """Optuna's migrations set up logging of the whole process unless there is a handler already."""
    handler = logging.NullHandler()
    logging.getLogger().addHandler(handler)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            yield
    finally:
        logging.getLogger().removeHandler(handler)
