"""Labels: who said what of a work and when, and what of it holds now.

event.py      one statement about one work; statements are only ever added
folding.py    the statements of a work folded into its effective labels
effective.py  an effective label, as the gate reads it
reading.py    statements from files
"""

from recsys.safety.labels.effective import ERROR, Effective
from recsys.safety.labels.event import LEGAL, PRESENT, SOURCES, LabelEvent, Source, recorded
from recsys.safety.labels.folding import fold, fold_all

__all__ = [
    "ERROR",
    "LEGAL",
    "PRESENT",
    "SOURCES",
    "Effective",
    "LabelEvent",
    "Source",
    "fold",
    "fold_all",
    "recorded",
]
