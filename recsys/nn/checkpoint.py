"""A fit's state on disk, whole or not at all: one zip of state.json and plain .npy arrays. No pickle."""

import hashlib
import json
import os
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recsys.durable import flush
from recsys.errors import FitError
from recsys.nn.fit import State

FORMAT = 1
_STATE_FILE = "state.json"
_KEPT = "kept."  # in front of the names of the weights of the best epoch
Facts = Mapping[str, Any]  # plain JSON values


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """What a trainee needs to go on as if it had never stopped."""

    tensors: Mapping[str, Tensor]  # weights, moments, states of generators
    facts: Facts  # counts of steps and the like


class Checkpoint:
    """One file in ``folder``, named after the fit that it is of.

    ``identity`` says which fit that is: recipe, seed, fingerprints of the data. Another fit has another name, so that
    it neither takes nor overwrites this one's.
    """

    def __init__(self, folder: Path, name: str, identity: Mapping[str, Any]) -> None:
        self._identity: dict[str, Any] = json.loads(json.dumps({**identity, "format": FORMAT}))
        mark = hashlib.sha256(json.dumps(self._identity, sort_keys=True).encode()).hexdigest()[:16]
        self.path = folder / f"{name}-{mark}.checkpoint"

    def save(self, state: State, trained: Snapshot) -> None:
        """Put this state in place of the last; a crash at any moment leaves one of the two."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        arrays = {name: _plain(tensor) for name, tensor in trained.tensors.items()}
        arrays |= {_KEPT + name: _plain(tensor) for name, tensor in state.kept.items()}
        numbers = {name: value for name, value in asdict(_bare(state)).items() if name != "kept"}
        told = {"identity": self._identity, "state": numbers, "facts": dict(trained.facts), "arrays": list(arrays)}
        part = self._part()
        with part.open("wb") as file:
            with zipfile.ZipFile(file, "w") as pack:
                pack.writestr(_STATE_FILE, json.dumps(told))
                for name, array in arrays.items():
                    with pack.open(f"{name}.npy", "w", force_zip64=True) as member:
                        np.lib.format.write_array(member, array, allow_pickle=False)
            file.flush()
            os.fsync(file.fileno())
        part.replace(self.path)
        flush(self.path.parent)

    def load(self) -> tuple[State, Snapshot] | None:
        """What was saved last, None where nothing was; raises FitError where the file is damaged or of another fit."""
        if not self.path.exists():
            return None
        try:
            with zipfile.ZipFile(self.path) as pack:
                told = json.loads(pack.read(_STATE_FILE))
                tensors = {name: _read(pack, name) for name in told["arrays"]}
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise FitError(f"The checkpoint {self.path} cannot be read ({error}); delete it to fit anew.") from None
        self._check(told["identity"])
        kept = {name.removeprefix(_KEPT): tensors.pop(name) for name in list(tensors) if name.startswith(_KEPT)}
        return State(**told["state"], kept=kept), Snapshot(tensors, told["facts"])

    def remove(self) -> None:
        """The fit is done: nothing is left to go on from."""
        self.path.unlink(missing_ok=True)
        self._part().unlink(missing_ok=True)

    def _part(self) -> Path:
        """What this process writes before it takes the name."""
        return self.path.with_suffix(f".{os.getpid()}.part")

    def _check(self, found: Mapping[str, Any]) -> None:
        other = sorted(key for key in self._identity.keys() | found.keys() if self._identity.get(key) != found.get(key))
        if other:
            raise FitError(
                f"The checkpoint {self.path} is of another fit: it differs in {', '.join(other)}; delete it to fit "
                "anew, or give this fit a folder of its own."
            )


def fingerprint(*arrays: NDArray[Any]) -> str:
    """sha256 of the types, shapes and bytes of arrays: equal data, equal fingerprint."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data if array.size else b"")
    return digest.hexdigest()


def _bare(state: State) -> State:
    """``state`` without its weights, which are no JSON."""
    return State(state.epoch, state.best_epoch, state.best, {}, state.marked, state.marked_epoch)


def _plain(tensor: Tensor) -> NDArray[Any]:
    array: NDArray[Any] = tensor.detach().cpu().numpy()
    return np.ascontiguousarray(array)


def _read(pack: zipfile.ZipFile, name: str) -> Tensor:
    with pack.open(f"{name}.npy") as member:
        return torch.from_numpy(np.lib.format.read_array(member, allow_pickle=False))
