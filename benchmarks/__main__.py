"""`python -m benchmarks NAME [--data DIR] [--case C] [--quick] [--tune] [--count N] [--seed N] [--jobs N]`.

`all` runs them one after the other and writes RESULTS.md.

A benchmark is a module of this package with `BARS` (a sentence), `run(options) -> Result` and, where it has parts that
run alone, `CASES` (their names); one that is tuned has `tune(options)`, which writes `benchmarks/specs/NAME.toml`. Its
name is its `BENCH`, or else that of the module. The last line printed by a run is one JSON object. The exit code says
whether it ran, not whether the bars were met.
"""

import argparse
import importlib
import json
import pkgutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import benchmarks
from benchmarks.form import Options, markdown
from recsys.errors import RecsysError

RESULTS = Path(__file__).with_name("RESULTS.md")


def modules() -> dict[str, Any]:
    """Every benchmark there is, by name."""
    found = (module.name for module in pkgutil.iter_modules(benchmarks.__path__) if not module.name.startswith("_"))
    loaded = ((name, importlib.import_module(f"benchmarks.{name}")) for name in found)
    return dict(sorted((getattr(module, "BENCH", name), module) for name, module in loaded if hasattr(module, "run")))


def cases_of(module: Any) -> tuple[str, ...]:
    """The cases that a benchmark can be narrowed to."""
    return tuple(getattr(module, "CASES", ()))


def main() -> int:
    """Run what the arguments name."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Side-by-side measurements.")
    parser.add_argument("name", nargs="?", help="a benchmark, or all")
    parser.add_argument("--data", type=Path, help="folder with benchmark data sets")
    parser.add_argument("--case", help="only this case")
    parser.add_argument("--quick", action="store_true", help="a small version, to see that it runs")
    parser.add_argument("--tune", action="store_true", help="choose settings, ours and the peers', and write the spec")
    parser.add_argument("--spec", default="default", help="the run spec that stands against the peers, where one does")
    parser.add_argument(
        "--count",
        "--requests",
        type=int,
        help="how many documents fuzz tries of each kind, how many requests invariant makes",
    )
    parser.add_argument("--seed", type=int, help="where invariant begins with its worlds")
    parser.add_argument("--jobs", type=int, default=1, help="processes that invariant plays its worlds in")
    parser.add_argument("--journal", type=Path, help="file in which invariant keeps what it has done, to go on there")
    given = parser.parse_args()
    known = modules()
    if given.name is None:
        for name, module in known.items():
            print(f"{name:16} {module.BARS}")
        return 0
    if given.name not in (*known, "all"):
        print(f"There is no benchmark {given.name!r}; known are: {', '.join(known)}.", file=sys.stderr)
        return 2
    wanted = known if given.name == "all" else {given.name: known[given.name]}
    if given.case is not None and (cases := [c for m in wanted.values() for c in cases_of(m)]).count(given.case) == 0:
        there = f"its cases are: {', '.join(cases)}" if cases else "it has no cases"
        print(f"{given.name} has no case {given.case!r}; {there}.", file=sys.stderr)
        return 2
    drawn = {"count": given.count, "seed": given.seed, "jobs": given.jobs, "journal": given.journal}
    options = Options(given.data, given.case, given.quick, given.spec, **drawn)
    try:
        return _tune(wanted, options) if given.tune else _run(wanted, options, page=given.name == "all")
    except RecsysError as error:
        print(error, file=sys.stderr)
        return 2


def _run(wanted: Mapping[str, Any], options: Options, *, page: bool) -> int:
    """Each in turn; one that cannot run does not keep the others from it, but there is no page without it."""
    results = []
    for name, module in wanted.items():
        try:
            result = module.run(options)
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


def _tune(wanted: Mapping[str, Any], options: Options) -> int:
    able = [module for module in wanted.values() if hasattr(module, "tune")]
    if not able:
        print(f"{next(iter(wanted))} has nothing to tune.", file=sys.stderr)
        return 2
    for module in able:
        module.tune(options)
    return 0


if __name__ == "__main__":
    sys.exit(main())
