"""Receipts: what was shown under which versions, chained, and how it is verified, kept, forgotten and replayed."""
