import zipfile

import numpy as np
import pytest
import torch

from recsys.errors import FitError
from recsys.nn.checkpoint import Checkpoint, Snapshot, fingerprint
from recsys.nn.fit import State

IDENTITY = {"recipe": {"factors": 8}, "data": "abc"}


def test_what_is_saved_comes_back(tmp_path):
    point = Checkpoint(tmp_path / "new folder", "sasrec", IDENTITY)
    assert point.load() is None
    trained = Snapshot({"table.item": torch.tensor([[1.5, -2.0]]), "draws": torch.arange(3)}, {"steps": 7})
    point.save(State(3, 2, 0.1, {"item": torch.tensor([0.1])}, 0.05, 1), trained)
    state, found = Checkpoint(tmp_path / "new folder", "sasrec", IDENTITY).load()
    assert (state.epoch, state.best_epoch, state.best, state.marked, state.marked_epoch) == (3, 2, 0.1, 0.05, 1)
    assert {name: tensor.tolist() for name, tensor in state.kept.items()} == {"item": [np.float32(0.1)]}
    assert {name: tensor.tolist() for name, tensor in found.tensors.items()} == {
        "table.item": [[1.5, -2.0]],
        "draws": [0, 1, 2],
    }
    assert found.facts == {"steps": 7}


def test_a_later_state_takes_the_place_of_an_earlier_one_and_removing_leaves_nothing(tmp_path):
    point = Checkpoint(tmp_path, "sasrec", IDENTITY)
    for epoch in (1, 2):
        point.save(State(epoch), Snapshot({}, {}))
    assert point.load()[0].epoch == 2
    assert point.load()[0].best == -np.inf
    point.remove()
    assert list(tmp_path.iterdir()) == []


def test_another_recipe_or_other_data_have_a_file_of_their_own(tmp_path):
    Checkpoint(tmp_path, "sasrec", IDENTITY).save(State(1), Snapshot({}, {}))
    for change in ({"recipe": {"factors": 16}}, {"data": "abd"}):
        assert Checkpoint(tmp_path, "sasrec", {**IDENTITY, **change}).load() is None


def test_the_file_of_another_fit_under_this_name_is_refused_and_says_what_differs(tmp_path):
    mine = Checkpoint(tmp_path, "sasrec", IDENTITY)
    other = Checkpoint(tmp_path, "sasrec", {**IDENTITY, "data": "abd"})
    other.save(State(1), Snapshot({}, {}))
    other.path.rename(mine.path)
    with pytest.raises(FitError, match="of another fit: it differs in data; delete it"):
        mine.load()


def test_a_damaged_file_is_refused(tmp_path):
    point = Checkpoint(tmp_path, "sasrec", IDENTITY)
    point.save(State(1), Snapshot({"table": torch.zeros(1000)}, {}))
    whole = point.path.read_bytes()
    for damaged in (whole[:-200], whole[:2000] + b"\xff" * 8 + whole[2008:], b""):
        point.path.write_bytes(damaged)
        with pytest.raises(FitError, match="cannot be read"):
            point.load()


def test_a_crash_while_saving_leaves_the_last_state(tmp_path):
    point = Checkpoint(tmp_path, "sasrec", IDENTITY)
    point.save(State(1), Snapshot({}, {}))
    point.path.with_suffix(".1.part").write_bytes(b"half")
    assert point.load()[0].epoch == 1


def test_the_file_holds_plain_arrays_and_json(tmp_path):
    point = Checkpoint(tmp_path, "sasrec", IDENTITY)
    point.save(State(1, kept={"item": torch.ones(2)}), Snapshot({"first.item": torch.ones(2)}, {}))
    with zipfile.ZipFile(point.path) as pack:
        assert sorted(pack.namelist()) == ["first.item.npy", "kept.item.npy", "state.json"]
    assert np.load(point.path, allow_pickle=False)["first.item"].tolist() == [1, 1]


def test_a_fingerprint_tells_values_types_and_shapes_apart():
    one = np.array([[1, 2]], np.int32)
    others = [one.astype(np.int64), one.ravel(), one + 1, np.zeros(0, np.int32)]
    assert fingerprint(one) == fingerprint(one.copy())
    assert len({fingerprint(array) for array in [one, *others]}) == 5
