"""The notebooks run from top to bottom, and are kept without outputs."""

from pathlib import Path

import nbformat
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


@pytest.fixture(scope="module")
def small_log(tmp_path_factory):
    """Two tastes over 200 days, in the neutral format."""
    folder = tmp_path_factory.mktemp("log")
    rows = [
        (f"u{u}", f"i{i}", 5.0 if u % 2 == i % 2 else 2.0, 1_600_000_000 + 86_400 * (i * 5 + (u * 13) % 11))
        for u in range(60)
        for i in range(40)
        if (u * 7 + i * 3) % 4 == 0
    ]
    users, items, values, times = zip(*rows, strict=True)
    events = {"user_id": users, "item_id": items, "kind": ["rating"] * len(rows), "value": values, "timestamp": times}
    pq.write_table(pa.table(events), folder / "events.parquet")
    names = [f"i{i}" for i in range(40)]
    catalogue = {"item_id": names, "title": [f"Work {n}" for n in names], "genres": [["odd", "even"][:1]] * 40}
    pq.write_table(pa.table(catalogue), folder / "items.parquet")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_from_top_to_bottom(path, small_log, monkeypatch):
    monkeypatch.setenv("RECSYS_NOTEBOOK_DATA", str(small_log))
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=800, resources={"metadata": {"path": str(FOLDER)}}).execute()
    told = "".join(output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", []))
    assert "ndcg@10" in told
    assert "Work i" in told


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_kept_without_outputs(path):
    notebook = nbformat.read(path, as_version=4)
    assert all(not cell.get("outputs") and cell.get("execution_count") is None for cell in notebook.cells)
