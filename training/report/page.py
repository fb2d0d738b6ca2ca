"""The report of a run as one HTML file, from ``report.json`` alone."""

from collections.abc import Mapping
from typing import Any

from recsys.errors import DataError
from training.report import about_data, about_lists, about_models, about_queries
from training.report.facts import FORMAT
from training.report.frame import Part, frame


def page(values: Mapping[str, Any]) -> str:
    """The document; DataError where ``values`` are of another format."""
    if values.get("format") != FORMAT:
        raise DataError(
            f"The report's data have format {values.get('format')}, and {FORMAT} is read here; train the model again."
        )
    try:
        parts = [
            Part("models", "Models compared", about_models.comparison(values)),
            Part("gate", "Release gate", about_data.gate(values)),
            Part("learning", "Learning curves", about_models.learning(values)),
            Part("popularity", "By popularity", about_queries.by_popularity(values)),
            Part("history", "By length of history", about_queries.by_history(values)),
            Part("segments", "Segments", about_queries.by_segment(values)),
            Part("lists", "What the lists are like", about_lists.beyond(values)),
            Part("calibration", "Calibration", about_lists.calibration(values)),
            Part("fairness", "Fairness", about_lists.fairness(values)),
            Part("tradeoff", "Reranking: what it costs", about_lists.tradeoff(values)),
            Part("data", "Data", about_data.data(values)),
            Part("examples", "Examples", about_lists.examples(values)),
            Part("again", "How to make it again", about_data.reproduction(values)),
        ]
        lead = about_models.summary(values)
    except (KeyError, TypeError, IndexError, StopIteration) as error:
        raise DataError(f"The report's data are incomplete ({error!r}); train the model again.") from None
    under = f"{values['made_at'][:10]} · run {str(values.get('run', 'unknown'))[:8]} · metric {values['metric']}"
    return frame(f"Report: {values['name']}", under, lead, parts, "Made by recsys from report.json of this run.")
