"""A graph filter: what the neighbours of a history's items say, and what its coarsest structure says."""

from recsys.models.graph_filter.model import GraphFilterModel
from recsys.models.graph_filter.recipe import GraphFilter

__all__ = ["GraphFilter", "GraphFilterModel"]
