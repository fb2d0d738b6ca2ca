"""How a view is made of a bundle and the control store, and brought up to date with the store's changes."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import structlog

from recsys.bundle import Bundle
from recsys.clock import Clock
from recsys.expressions import Columns
from recsys.overrides import Campaign, Override, OverrideIndex, Quota, QuotaIndex, Traffic
from recsys.overrides.pacing import EVEN
from recsys.pipeline import no_overlay
from recsys.safety import Gate, Policy
from serving.additions import news, with_items
from serving.labels import relabelled
from serving.policies import ruling
from serving.series import Series
from serving.stores.control import Change, ControlStore
from serving.stores.policies import Step
from serving.view import Trial, View

PUT_BACK = 7 * 86_400.0  # s: what has ended is kept for so long, because a clock may be put back
log = structlog.get_logger()


def compiled(view: View, orders: Iterable[Override | Campaign]) -> OverrideIndex:
    """Orders over the items of a view; an objective that is not for minors is held to the policy's own surfaces."""
    return OverrideIndex.compile(orders, view.ids, traffic=view.traffic, minor_surfaces=view.policy.minor_surfaces)


def build(bundle: Bundle, control: ControlStore, clock: Clock, policy: str | Policy | None = None) -> View:
    """A view of ``bundle`` under everything the control store holds.

    A published policy judges, and as long as there is none ``policy``, a pack's name or file; None takes the bundle's
    own: strict where the lake has labels, else open. A ``policy`` that is given as such judges alone, as in a replay.
    """
    if isinstance(policy, Policy):
        return _under(policy, bundle, control, clock, control.sequence())
    sequence = control.sequence()  # read first: a change that comes in between is applied again, never lost
    fallback = policy or bundle.manifest.policy
    ruled = ruling(control, fallback)
    view = replace(_under(ruled.policy, bundle, control, clock, sequence), fallback=fallback)
    candidate, trial = ruled.candidate, ruled.trial
    if trial is None or candidate is None:
        return view
    return _with_trial(view, trial, lambda: _under(candidate, bundle, control, clock, sequence))


def _under(pack: Policy, bundle: Bundle, control: ControlStore, clock: Clock, sequence: int) -> View:
    """A view as one policy judges it."""
    gate = Gate.compile(
        bundle.catalogue,
        pack,
        clock,
        control.takedowns(),
        rights=control.rights(),
        confirmed=lambda: clock() - control.silent_seconds(),  # whoever hears the store hears of a new policy
    )
    bare = View(
        bundle,
        pack,
        sequence,
        bundle.catalogue.ids,
        no_overlay(),
        gate,
        OverrideIndex.compile([], bundle.catalogue.ids),
        Columns(bundle.catalogue),
        Series.of_catalogue(bundle.catalogue),
        QuotaIndex.compile(_quotas(pack), bundle.catalogue.column),
        expected(pack, control),
    )
    view = relabelled(with_items(bare, news(bundle, control)), control, clock())
    return replace(view, overrides=compiled(view, control.orders(clock() - PUT_BACK)))


def expected(pack: Policy, control: ControlStore) -> Traffic:
    """The traffic that guarantees are paced by: what the pack says, else what was measured, else all hours alike."""
    if pack.traffic is not None:
        return Traffic(pack.traffic.hours, pack.traffic.zone)
    return control.traffic() or EVEN


def _quotas(pack: Policy) -> list[Quota]:
    """What a pack asks of lists, as it is met in them."""
    return [
        Quota(name, one.field, one.values, one.share, frozenset(one.surfaces), frozenset(one.territories))
        for name, one in pack.quotas.items()
    ]


def advanced(view: View, control: ControlStore, changes: Sequence[Change], now: float) -> View:
    """``view`` with ``changes`` applied; what a change does not touch is shared with the old view.

    No change is needed for a label to expire: at ``now`` (s UTC) others may hold, also where the clock was put back.
    """
    kinds = {change.kind for change in changes}
    if "policy" in kinds:
        return _ruled_anew(view, control)
    records = [record for _, record in control.items(view.sequence)] if "item" in kinds else []
    after = with_items(replace(view, sequence=changes[-1].seq if changes else view.sequence), records)
    upserted = [str(record["item_id"]) for record in records]
    judged = [*(change.key for change in changes if change.kind == "label"), *view.labels.due(now)]
    if upserted or judged:
        after = relabelled(after, control, now, [*upserted, *judged])
    if "rights" in kinds:
        after = replace(after, gate=after.gate.with_rights(control.rights(view.sequence)))
    if kinds & {"takedown", "restore"}:
        after = replace(after, gate=after.gate.with_takedowns(control.takedowns()))
    if "traffic" in kinds:
        after = replace(after, traffic=expected(view.policy, control))
    if kinds & {"override", "override_revoked", "campaign", "halt", "item", "cold_start", "traffic"}:
        after = replace(after, overrides=compiled(after, control.orders(now - PUT_BACK)))
    if (trial := view.trial) is not None:
        after = _with_trial(after, trial.step, lambda: advanced(trial.view, control, changes, now))
    _carry(view, after, [*upserted, *judged], same_records=not upserted)
    return after


def _with_trial(view: View, step: Step, candidate: Callable[[], View]) -> View:
    """The view beside the candidate's. A candidate that fails is none: what is in force judges alone."""
    try:
        return replace(view, trial=Trial(step, view.gate, candidate()))
    except Exception:
        log.exception("policy_trial_refused", step=step.step)
        return replace(view, trial=None)


def _ruled_anew(view: View, control: ControlStore) -> View:
    """The view under the policy that is in force by now; everything is read again, as when a worker starts."""
    after = build(view.bundle, control, view.gate.clock, view.fallback)
    if "by_popularity" in view.__dict__ and len(after.ids) == len(view.ids):
        after.__dict__["by_popularity"] = view.by_popularity
    log.info("policy_in_force", policy=after.policy_id, trial=after.trial.step.step if after.trial else None)
    return after


def _carry(before: View, after: View, touched: Sequence[str], *, same_records: bool) -> None:
    """Take over what was worked out for every item of the view before, but for the touched ones."""
    if "shown" in before.__dict__:
        shown = before.shown + [b""] * (len(after.ids) - len(before.ids))
        for index in after.ids.dense(touched).tolist():
            shown[index] = after.members(index)
        after.__dict__["shown"] = shown if touched else before.shown
    if "marked" in before.__dict__:
        after.__dict__["marked"] = before.marked.extended(after.ids)
    for name in ("creators", "topics", "by_popularity", "filters", "series"):
        if name in before.__dict__ and same_records:
            after.__dict__[name] = before.__dict__[name]
