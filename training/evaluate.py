"""``recsys evaluate``: the recipes of a spec, or of a bundle, against each other on a lake; nothing is published."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recsys.bundle import read_manifest
from recsys.errors import ConfigError
from recsys.models.recipe import parse
from training import report
from training.selection import Arena, Contest, Trial, hold
from training.show import Show
from training.source import open_source
from training.spec import RunSpec, load_spec, shipped_specs
from training.state import State

FROM_BUNDLE = "bundle"


@dataclass(frozen=True, eq=False)
class Evaluated:
    """The contest, and the same as plain values with the lake versions it was held on."""

    contest: Contest
    values: dict[str, Any]


def evaluate(lake: str, spec: RunSpec, state: State, show: Show, *, device: str = "cpu") -> Evaluated:
    """Evaluate every recipe of ``spec`` on the splits of a lake."""
    show.doing("preparing the data")
    source = open_source(lake, spec, state)
    spec, absent = spec.for_log(source.data)
    show.without(absent)
    arena = Arena(source.windows, spec, device=device)

    def run(section: str) -> Trial:
        show.doing(section)
        trial = arena.trial(
            section, arena.spec.models[section], lambda window, step, metrics: show.step(section, window, step, metrics)
        )
        show.done(trial, spec.metric)
        return trial

    contest = hold(arena, run)
    show.without(contest.left_out)
    facts = {"lake": source.lake, "lake_versions": dict(source.versions), "split": [w.name for w in source.windows]}
    return Evaluated(contest, {**facts, **report.values(contest, spec)})


def spec_of_bundle(bundle: Path, name_or_path: str | None, settings: list[str]) -> RunSpec:
    """The run spec that asks for a bundle's recipe alone, with the data and the split of ``name_or_path``.

    The recipe is fitted anew on the train slice: the bundle's own models have seen every event. Without a name the
    spec is the one the bundle was trained with, where it ships.
    """
    manifest = read_manifest(bundle)
    wanted = name_or_path or manifest.spec
    if name_or_path is None and wanted not in shipped_specs():
        raise ConfigError(
            f"The bundle {bundle} was trained with the spec {wanted!r}, which does not ship; give --spec."
        )
    spec = load_spec(wanted, settings)
    recipe = parse(manifest.recipe, where=str(bundle))
    prepare = spec.prepare.model_copy(update={"events": manifest.rules, "returns": manifest.returns})
    own = {"prepare": prepare, "models": {FROM_BUNDLE: recipe}, "rerank": manifest.rerank}
    return spec.model_copy(update={"name": f"bundle {manifest.version}", **own})
