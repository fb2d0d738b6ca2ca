"""The lake: Delta tables that serving and training agree on."""

from recsys.lake.ingest import IngestReport, ingest
from recsys.lake.lake import Lake

__all__ = ["IngestReport", "Lake", "ingest"]
