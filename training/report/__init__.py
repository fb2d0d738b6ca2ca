"""What came of a run: tables for a terminal, plain values for programs, and a page for a browser."""

from training.report.files import write_json, write_text
from training.report.tables import POOLED, WEIGHTS, conclusion, notes, plain, tables, values

__all__ = ["POOLED", "WEIGHTS", "conclusion", "notes", "plain", "tables", "values", "write_json", "write_text"]
