import os
import time

from training.prune import forget_prepared
from training.state import State


def test_checkpoints_that_nobody_went_on_with_for_a_week_are_removed_and_younger_ones_kept(tmp_path):
    state = State.at(tmp_path)
    state.forget_stale_checkpoints()  # nothing there is no obstacle
    state.checkpoints.mkdir()
    for name, days in (("old", 8), ("young", 6)):
        path = state.checkpoints / f"{name}.checkpoint"
        path.touch()
        os.utime(path, times=(time.time() - days * 86_400,) * 2)
    state.forget_stale_checkpoints()
    assert [path.name for path in state.checkpoints.iterdir()] == ["young.checkpoint"]


def test_prepared_data_of_older_weeks_is_removed(tmp_path):
    state = State.at(tmp_path)
    forget_prepared(state)
    for name, days in (("old", 8), ("young", 6)):
        path = state.prepared_data / name
        path.mkdir(parents=True)
        os.utime(path, times=(time.time() - days * 86_400,) * 2)
    forget_prepared(state)
    assert [path.name for path in state.prepared_data.iterdir()] == ["young"]
