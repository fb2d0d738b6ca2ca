"""The exposure report of a control store, as values, and as a page with plots."""

import base64
import html
import io
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from recsys.clock import to_datetime
from recsys.errors import ConfigError
from recsys.overrides import Campaign
from recsys.overrides.documents import campaign_from
from serving.campaigns.report import HALTED, NOT_ON_AIR, Line, Spans, report, says
from serving.stores.campaigns import Version
from serving.stores.control import ControlStore
from serving.stores.halts import Halt, halted

HOUR = 3600.0


def lines(control: ControlStore, now: float) -> list[Line]:
    """A line for every campaign that was ever on air, and every single override that holds now, at ``now`` (s UTC)."""
    found: list[tuple[Campaign, str]] = []
    editors: dict[str, tuple[str, ...]] = {}
    for filed in control.campaigns():
        if filed.approved_at is None:
            continue
        try:
            campaign = campaign_from(filed.served or filed.document, created_by=filed.created_by)
        except ConfigError:
            continue
        found.append((campaign, filed.state))
        editors[filed.id] = (filed.created_by, *filed.authors)
    found += [(override.campaign, "live") for override in control.overrides()]
    thrown = control.every_halt()

    def off_air(campaign: Campaign) -> Spans:
        return _off_air(campaign, control.campaign_history(campaign.id), thrown, editors[campaign.id])

    return report(found, control.exposure_since(0).slots, control.exposure_misses(), now, off_air=off_air)


def _off_air(
    campaign: Campaign, history: Sequence[Version], thrown: Sequence[tuple[Halt, float]], editors: Sequence[str]
) -> Spans:
    """When nothing of a campaign was served, none of it twice: kill switches, and what its states say."""
    events = [(-math.inf, NOT_ON_AIR, 1)]
    events += [(one.at, NOT_ON_AIR, -1) for one in history if one.act == "approve"]
    events += [(one.at, NOT_ON_AIR, 1) for one in history if one.act in ("pause", "revoke")]
    for halt, until in thrown:
        if halted([halt], campaign.id, editors):
            events += [(halt.at, HALTED, 1), (until, HALTED, -1)]
    held, spans, since = Counter[str](), [], -math.inf
    for at, why, step in sorted(events, key=lambda event: event[0]):
        if reason := next((name for name in (NOT_ON_AIR, HALTED) if held[name] > 0), None):
            spans.append((since, at, reason))
        # A change that was approved while the one before was on air puts nothing on air that was not.
        held[why] = max(0, held[why] + step)
        since = at
    if reason := next((name for name in (NOT_ON_AIR, HALTED) if held[name] > 0), None):
        spans.append((since, math.inf, reason))
    return spans


def plain(line: Line) -> dict[str, Any]:
    """A line as JSON has it."""
    values = asdict(line)
    values["status"] = line.status
    values["why"] = [{**asdict(one), "says": says(one.reason)} for one in line.why]
    values["by_hour"] = [{"hour": to_datetime(hour * HOUR).isoformat(), "n": n} for hour, n in line.by_hour.items()]
    return values


def write_page(found: list[Line], now: float, path: Path) -> None:
    """The report as one HTML file that needs nothing else; ``.png`` writes the plot alone."""
    picture = _plot(found)
    if path.suffix == ".png":
        path.write_bytes(picture)
        return
    rows = "".join(_row(line) for line in found)
    shown = base64.b64encode(picture).decode()
    path.write_text(
        "<!doctype html><html lang=en><meta charset=utf-8><title>Exposure</title>"
        "<style>body{font:15px sans-serif;margin:2em}td,th{padding:.3em .8em;text-align:left;vertical-align:top}"
        "img{max-width:100%}</style>"
        f"<h1>Promised and delivered</h1><p>As of {html.escape(to_datetime(now).isoformat())}</p>"
        "<table><tr><th>campaign<th>state<th>delivered<th>planned by now<th>promised<th>status<th>why</tr>"
        f'{rows}</table><img alt="Delivered impressions over time" src="data:image/png;base64,{shown}"></html>',
        encoding="utf-8",
    )


def _row(line: Line) -> str:
    why = "; ".join(f"{one.impressions}: {says(one.reason)}" for one in line.why)
    cells = (line.campaign, line.state, line.delivered, line.planned, line.promised, line.status, why)
    return "<tr>" + "".join(f"<td>{'' if cell is None else html.escape(str(cell))}" for cell in cells) + "</tr>"


def _plot(found: list[Line]) -> bytes:
    """Delivered over time, for the twenty campaigns that were shown most; promises as marks at the right."""
    from matplotlib.dates import date2num
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 5), layout="constrained")
    axes = figure.subplots()
    for line in sorted(found, key=lambda line: -line.delivered)[:20]:
        total, times, sums = 0, [], []
        for hour, n in line.by_hour.items():
            total += n
            times.append(to_datetime((hour + 1) * HOUR))
            sums.append(total)
        if times:
            (drawn,) = axes.plot(date2num(times), sums, marker=".", label=line.campaign.replace("$", r"\$"))
            if line.promised is not None:
                axes.axhline(line.promised, color=drawn.get_color(), linestyle=":", linewidth=1)
    axes.xaxis_date()
    axes.set_ylabel("impressions")
    axes.set_title("Delivered; dotted: promised")
    if axes.lines:
        axes.legend(fontsize="small")
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=110)
    return out.getvalue()
