"""This project as its user runs it: a log in a lake, prepared and split by a spec whose sections are held together."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.form import Options
from benchmarks.logs import folder, quick_users
from benchmarks.tuning import VAR
from recsys.dataset.data import Split
from recsys.lake import Lake, ingest
from training.selection import Arena, Contest, Trial, hold
from training.source import Source, open_source
from training.spec import RunSpec, load_spec
from training.state import State


def spec_of(options: Options, settings: Sequence[str]) -> RunSpec:
    """The spec that the command line names, with what the benchmark prescribes; a quick run takes ``fast``."""
    return load_spec("fast" if options.quick and options.spec == "default" else options.spec, settings)


def ingested(log: Path, options: Options) -> Path:
    """The lake of a log, made where it is not there yet; a quick one holds only a few users."""
    lake = Lake(VAR / "lakes" / f"{log.name}{'-quick' if options.quick else ''}")
    files = {table: path for table in ("events", "items", "users") if (path := log / f"{table}.parquet").is_file()}
    if options.quick and "events" in files:
        files["events"] = _of_few_users(files["events"], quick_users(options))
    ingest(lake, **files, mapping={}, strict=True)  # type: ignore[arg-type]
    return Path(str(lake.root))


def source_of(options: Options, name: str, spec: RunSpec) -> Source:
    """A log as ``recsys train`` reads it."""
    return open_source(str(ingested(folder(options, name), options)), spec, State(VAR.absolute()))


def held(windows: Sequence[Split], spec: RunSpec, label: str) -> Contest:
    """The sections of a spec against each other, each chosen on validation, refitted, and measured on test."""
    spec, absent = spec.for_log(windows[-1].train_validation)
    print(f"{label:20} left out: {absent}", flush=True)
    arena = Arena(windows, spec, checkpoint=VAR / "checkpoints")

    def tried(section: str) -> Trial:
        trial = arena.trial(section, arena.spec.models[section])
        means = (trial.validation.mean(spec.metric), trial.test.mean(spec.metric))
        print(f"{label:20} {section:14} {means[0]:.5f} {means[1]:.5f}, {trial.seconds:.0f} s", flush=True)
        return trial

    return hold(arena, tried)


def told(contest: Contest, metric: str) -> dict[str, Any]:
    """What every section of a contest reached, and which one validation chose."""
    sections = {
        trial.section: {
            "recipe": trial.resolved.params(),
            "validation": round(trial.validation.mean(metric), 5),
            "test": round(trial.test.mean(metric), 5),
            "seconds": round(trial.seconds, 1),
        }
        for trial in contest.trials
    }
    return {"chosen": contest.best.section, "sections": sections}


def _of_few_users(events: Path, users: int | None) -> Path:
    table = pq.read_table(events)
    kept = pc.unique(table["user_id"])[:users]
    path = VAR / "quick" / f"{events.parent.name}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table.filter(pc.is_in(table["user_id"], value_set=kept)), path)
    return path
