"""Random worlds for the invariant: small catalogues, packs, people, orders and failures as plain JSON, from a seed."""

from benchmarks.worlds.draw import world
from benchmarks.worlds.play import Outcome, play
from benchmarks.worlds.shrink import shrunk
from benchmarks.worlds.tally import Tally

__all__ = ["Outcome", "Tally", "play", "shrunk", "world"]
