"""`python -m benchmarks NAME [--data DIR] [--case C] [--quick] [--tune]`; bare, it lists them; `all` writes RESULTS.md.

A benchmark is a module of this package with `BARS` (a sentence), `run(options) -> Result` and, where it has parts that
run alone, `CASES` (their names); one that is tuned has `tune(options)`, which writes `benchmarks/specs/NAME.toml`. The
last line printed by a run is one JSON object. The exit code says whether it ran, not whether the bars were met.
"""

import argparse
import importlib
import json
import pkgutil
import sys
from collections.abc import Sequence
from pathlib import Path

import benchmarks
from benchmarks.form import Options, markdown
from recsys.errors import RecsysError

RESULTS = Path(__file__).with_name("RESULTS.md")


def names() -> list[str]:
    """Every benchmark there is."""
    found = (module.name for module in pkgutil.iter_modules(benchmarks.__path__) if not module.name.startswith("_"))
    return sorted(name for name in found if hasattr(importlib.import_module(f"benchmarks.{name}"), "run"))


def cases_of(name: str) -> tuple[str, ...]:
    """The cases that a benchmark can be narrowed to."""
    return tuple(getattr(importlib.import_module(f"benchmarks.{name}"), "CASES", ()))


def main() -> int:
    """Run what the arguments name."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Side-by-side measurements.")
    parser.add_argument("name", nargs="?", help="a benchmark, or all")
    parser.add_argument("--data", type=Path, help="folder with benchmark data sets")
    parser.add_argument("--case", help="only this case")
    parser.add_argument("--quick", action="store_true", help="a small version, to see that it runs")
    parser.add_argument("--tune", action="store_true", help="choose settings, ours and the peers', and write the spec")
    given = parser.parse_args()
    if given.name is None:
        for name in names():
            print(f"{name:14} {importlib.import_module(f'benchmarks.{name}').BARS}")
        return 0
    wanted = names() if given.name == "all" else [given.name]
    if unknown := sorted(set(wanted) - set(names())):
        print(f"There is no benchmark {unknown[0]!r}; known are: {', '.join(names())}.", file=sys.stderr)
        return 2
    if given.case is not None and (cases := [c for name in wanted for c in cases_of(name)]).count(given.case) == 0:
        known = f"its cases are: {', '.join(cases)}" if cases else "it has no cases"
        print(f"{given.name} has no case {given.case!r}; {known}.", file=sys.stderr)
        return 2
    options = Options(given.data, given.case, given.quick)
    try:
        return _tune(wanted, options) if given.tune else _run(wanted, options, page=given.name == "all")
    except RecsysError as error:
        print(error, file=sys.stderr)
        return 2


def _run(wanted: Sequence[str], options: Options, *, page: bool) -> int:
    """Each in turn; one that cannot run does not keep the others from it, but there is no page without it."""
    results = []
    for name in wanted:
        try:
            result = importlib.import_module(f"benchmarks.{name}").run(options)
        except RecsysError as error:
            print(f"{name}: {error}", file=sys.stderr)
            continue
        results.append(result)
        print(json.dumps(result))
    if len(results) < len(wanted):
        return 2
    if page:
        RESULTS.write_text(markdown(results))
    return 0


def _tune(wanted: Sequence[str], options: Options) -> int:
    able = [name for name in wanted if hasattr(importlib.import_module(f"benchmarks.{name}"), "tune")]
    if not able:
        print(f"{wanted[0]} has nothing to tune.", file=sys.stderr)
        return 2
    for name in able:
        importlib.import_module(f"benchmarks.{name}").tune(options)
    return 0


if __name__ == "__main__":
    sys.exit(main())
