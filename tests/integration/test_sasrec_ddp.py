"""Two processes under torchrun fit one model: the same in both, and as good as that of one process."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recsys.models.files import load_arrays

FIT = """
import json, os, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
import numpy as np
from recsys.models.holdout import holdout_ndcg
from recsys.models.recipe import FitContext
from recsys.models.sasrec import SASRec
from support.data import dataset, holdout

# everyone walks round a circle of 40 works from a place of their own: what follows is known
walks = {{f"u{{u:03}}": [(u + step) % 40 for step in range(4 + u % 7)] for u in range(160)}}
data = dataset([(user, f"i{{item:02}}", float(at)) for user, walk in walks.items() for at, item in enumerate(walk)])
asked = holdout(data, {{user: [f"i{{(walk[-1] + 1) % 40:02}}"] for user, walk in walks.items()}})
recipe = SASRec(factors=16, batch_size=16, dropout=0.1, learning_rate=0.01, negatives={negatives}, patience=3)
reported = []
context = FitContext(
    threads=1, holdout=asked, checkpoint=Path({out!r}) / "state", report=lambda *told: reported.append(told)
)
model = recipe.fit(data, context)
rank = os.environ.get("RANK", "alone")
folder = Path({out!r}) / rank
folder.mkdir()
model.save(folder)
ndcg = holdout_ndcg(model, asked, np.ones(data.n_items, np.bool_))
(folder / "told.json").write_text(json.dumps([ndcg, model.recipe.epochs, len(reported)]))
"""


def run(out: Path, negatives: int, *launcher: str) -> None:
    script = out / "fit.py"
    script.write_text(FIT.format(tests=str(Path(__file__).parents[1]), out=str(out), negatives=negatives))
    alone = {key: value for key, value in os.environ.items() if key not in ("WORLD_SIZE", "RANK")}
    done = subprocess.run([sys.executable, *launcher, str(script)], env=alone, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def told(folder: Path) -> Any:
    return json.loads((folder / "told.json").read_text())


@pytest.mark.slow
@pytest.mark.parametrize("negatives", [4, 1024], ids=["sampled", "exact"])
def test_two_processes_fit_one_model_as_good_as_that_of_one(tmp_path: Path, negatives: int) -> None:
    run(tmp_path, negatives, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    run(tmp_path, negatives)
    names = [path.stem for path in (tmp_path / "0").glob("*.npy")]
    assert {"items", "query", "places"} <= set(names)
    for name in names:
        assert np.array_equal(*(load_arrays(tmp_path / rank, name)[0] for rank in "01")), name
    first, second, alone = (told(tmp_path / folder) for folder in ("0", "1", "alone"))
    assert first[:2] == second[:2]
    assert (first[2] > 0, second[2]) == (True, 0)  # one process reports for all
    assert alone[0] > 0.9
    assert first[0] == pytest.approx(alone[0], abs=0.05)
    assert list((tmp_path / "state").iterdir()) == []
