"""What may be shown, worked out item by item from the written rules alone.

Plain Python over plain dicts, slow and obvious. Nothing here knows the gate, the overrides or the service: that is the
point, because a mistake that two share is a mistake that nobody sees.
"""

from benchmarks.oracle.ledger import Ledger
from benchmarks.oracle.lists import faults, removals

__all__ = ["Ledger", "faults", "removals"]
