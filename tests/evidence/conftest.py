"""Writes what the proofs gave to a file, for ``recsys safety evidence``."""

import json
from pathlib import Path
from typing import Any

import pytest

from support.evidence import proofs_of

PROVEN, TURNED_RED = "proven", "turned red"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--evidence", metavar="FILE", default=None, help="Write the proofs and their results as JSON.")


class Evidence:
    """Gathers, for each proof, whether it held and whether its mutation turned it red."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._proofs: dict[str, dict[str, Any]] = {}  # by the test's name and its number among the proofs of the test
        self._passed: dict[tuple[str, str], bool] = {}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            for at, proof in enumerate(proofs_of(getattr(item, "function", None))):
                told = {"id": proof.statement, "test": item.nodeid, "mutation": proof.mutation}
                self._proofs[f"{item.name}-{at}"] = told

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        name = report.nodeid.rpartition("::")[2]
        what, test = (TURNED_RED, name.partition("[")[2][:-1]) if "[" in name else (PROVEN, name)
        if report.when == "call" or not report.passed:
            self._passed[what, test] = report.passed and self._passed.get((what, test), True)

    def pytest_sessionfinish(self) -> None:
        rows = [
            {
                **told,
                PROVEN: self._passed.get((PROVEN, name.rpartition("-")[0]), False),
                TURNED_RED: self._passed.get((TURNED_RED, name), False),
            }
            for name, told in self._proofs.items()
        ]
        self._file.write_text(json.dumps(rows))


def pytest_configure(config: pytest.Config) -> None:
    file = config.getoption("--evidence")
    if file is not None:
        config.pluginmanager.register(Evidence(Path(file)), "evidence")
