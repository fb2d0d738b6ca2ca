"""A generator of chances that knows in which days its world lies."""

from random import Random

# s UTC. Around some of these days clocks are put forward or back, and a year ends.
STARTS = (
    1_767_225_600.0,  # 2026-01-01T00:00Z
    1_774_656_000.0,  # 2026-03-28T00:00Z: Europe goes forward a day later
    1_772_884_800.0,  # 2026-03-07T12:00Z: the United States go forward the next morning
    1_792_843_200.0,  # 2026-10-24T12:00Z: Europe goes back the next night
    1_793_448_000.0,  # 2026-10-31T12:00Z: the United States go back the next morning
)


class Dice(Random):
    """Chances from a seed; ``start`` (s UTC) is when their world begins."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.start = self.choice(STARTS)
