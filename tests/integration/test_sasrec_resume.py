"""kill -9 in the middle of an epoch: the fit goes on and ends with the very weights it would have had."""

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from recsys.dataset.splits import splits
from recsys.dataset.splitspec import SplitSpec
from recsys.models.files import load_arrays
from recsys.models.sasrec import SASRec
from support.data import dataset
from training.selection import Arena
from training.spec import parse_spec

FIT = """
import os, signal, sys
from pathlib import Path
import numpy as np
from recsys.models.recipe import FitContext
from recsys.models.sasrec import SASRec
from recsys.models.sasrec.trainee import Trainee
from support.data import dataset, holdout

out, checkpoint, last_step, negatives, epochs = {arguments!r}
epochs_seen = []
update = Trainee.update

def dying(trainee, batch):
    if trainee.adam.steps == last_step:
        os.kill(os.getpid(), signal.SIGKILL)
    return update(trainee, batch)

if last_step:
    Trainee.update = dying
walks = {{f"u{{u:02}}": [f"i{{(u * 7 + step * 3) % 30:02}}" for step in range(6 + u % 9)] for u in range(40)}}
data = dataset([(user, item, float(at)) for user, walk in walks.items() for at, item in enumerate(walk[:-1])])
asked = holdout(data, {{user: walk[-1:] for user, walk in walks.items()}})
recipe = SASRec(factors=8, batch_size=8, learning_rate=0.02, negatives=negatives, epochs=epochs, patience=3)
context = FitContext(
    threads=1, holdout=asked, checkpoint=checkpoint and Path(checkpoint), report=lambda at, _: epochs_seen.append(at)
)
model = recipe.fit(data, context)
Path(out).mkdir()
model.save(Path(out))
print(epochs_seen[0], model.recipe.epochs)
"""


def run(out: Path, checkpoint: Path | None, last_step: int, negatives: int, epochs: int | None) -> tuple[int, str]:
    arguments = (str(out), str(checkpoint) if checkpoint else None, last_step, negatives, epochs)
    tests = str(Path(__file__).parents[1])
    code = f"import sys; sys.path.insert(0, {tests!r})\n" + FIT.format(arguments=arguments)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode, done.stdout


@pytest.mark.parametrize(("negatives", "epochs"), [(3, 6), (1024, None)], ids=["sampled", "exact, stops by itself"])
def test_a_killed_fit_goes_on_to_the_same_weights(tmp_path: Path, negatives: int, epochs: int | None) -> None:
    _, straight = run(tmp_path / "straight", None, 0, negatives, epochs)
    killed, _ = run(tmp_path / "killed", tmp_path / "state", 13, negatives, epochs)  # in the third epoch of 5 steps
    assert killed == -signal.SIGKILL
    assert [path.suffix for path in (tmp_path / "state").iterdir()] == [".checkpoint"]
    _, resumed = run(tmp_path / "resumed", tmp_path / "state", 0, negatives, epochs)

    assert int(straight.split()[0]) == 1
    assert int(resumed.split()[0]) == 3
    assert resumed.split()[1] == straight.split()[1]
    assert list((tmp_path / "state").iterdir()) == []
    names = [path.stem for path in (tmp_path / "straight").glob("*.npy")]
    assert {"items", "query", "places"} <= set(names)
    for name in names:
        one, other = (load_arrays(tmp_path / folder, name)[0] for folder in ("straight", "resumed"))
        assert np.array_equal(one, other), name


class Stopped(Exception):
    pass


def test_an_interrupted_selection_goes_on_with_the_fit_it_was_in(tmp_path: Path) -> None:
    walks = {f"u{u:02}": [f"i{(u + step) % 20:02}" for step in range(6)] for u in range(20)}
    data = dataset([(user, item, None) for user, walk in walks.items() for item in walk])
    recipe = SASRec(factors=8, epochs=4, batch_size=8)
    spec = parse_spec({"name": "walks", "models": {"sasrec": recipe.params()}})
    steps: list[int] = []

    def watch(window: int, step: int, metrics: object) -> None:
        steps.append(step)
        if len(steps) == 3:
            raise Stopped

    def trial() -> None:
        Arena(splits(data, SplitSpec()), spec, checkpoint=tmp_path).trial("sasrec", recipe, watch)

    with pytest.raises(Stopped):
        trial()
    trial()
    assert steps == [1, 2, 3, 3, 4]
    assert list(tmp_path.iterdir()) == []
