"""The exposure report as a page with plots, and as rows of a terminal."""

import base64
import html
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recsys.clock import to_datetime
from serving.campaigns.quotas import QuotaLine
from serving.campaigns.report import HOUR, Line, says
from serving.campaigns.reporting import Exposed, WorkLine

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_DRAWN = 20
TABLES = ("Promised and delivered", "New works", "Quotas")
Rows = list[dict[str, Any]]


def tables(found: Exposed, *, words: bool = False) -> dict[str, Rows]:
    """The rows of each table that has any, campaigns always; ``words`` says reasons as sentences, not as codes."""
    rows = (
        [_campaign(line, words) for line in found.campaigns],
        [_work(line) for line in found.new_works],
        [_quota(line, words) for line in found.quotas],
    )
    return {title: some for title, some in zip(TABLES, rows, strict=True) if some or title == TABLES[0]}


def write_page(found: Exposed, now: float, path: Path) -> None:
    """The report as one HTML file that needs nothing else; ``.png`` writes the plot alone."""
    picture = _plot(found)
    if path.suffix == ".png":
        path.write_bytes(picture)
        return
    parts = "".join(f"<h2>{title}</h2>{_table(rows)}" for title, rows in tables(found, words=True).items() if rows)
    shown = base64.b64encode(picture).decode()
    path.write_text(
        "<!doctype html><html lang=en><meta charset=utf-8><title>Exposure</title>"
        "<style>body{font:15px sans-serif;margin:2em}td,th{padding:.3em .8em;text-align:left;vertical-align:top}"
        "img{max-width:100%}</style>"
        f"<h1>Exposure</h1><p>As of {html.escape(to_datetime(now).isoformat())}</p>{parts}"
        f'<img alt="Delivered impressions over time, and how far quotas were met" '
        f'src="data:image/png;base64,{shown}"></html>',
        encoding="utf-8",
    )


def _campaign(line: Line, words: bool) -> dict[str, Any]:
    why = (f"{one.impressions}: {says(one.reason)}" if words else f"{one.reason} {one.impressions}" for one in line.why)
    return {
        "campaign": line.campaign,
        "state": line.state,
        "delivered": line.delivered,
        "planned": line.planned,
        "promised": line.promised,
        "status": line.status,
        "why": "; ".join(why) or None,
    }


def _work(line: WorkLine) -> dict[str, Any]:
    return {
        "work": line.item_id,
        "stage": line.stage,
        "since": to_datetime(line.since).date().isoformat(),
        "impressions": line.impressions,
        "positives": line.positives,
        "rate": f"{line.low:.3f}–{line.high:.3f}",
    }


def _quota(line: QuotaLine, words: bool) -> dict[str, Any]:
    why = (
        f"{one.missing} in {one.lists} lists: {says(one.reason)}" if words else f"{one.reason} {one.missing}"
        for one in line.why
    )
    return {
        "quota": line.quota,
        "lists": line.lists,
        "wanted": line.wanted,
        "got": line.got,
        "missing": line.missing,
        "unmet lists": line.unmet,
        "why": "; ".join(why) or None,
    }


def _table(rows: Rows) -> str:
    head = "".join(f"<th>{html.escape(name)}" for name in rows[0])
    return f"<table><tr>{head}</tr>{''.join(_row(row.values()) for row in rows)}</table>"


def _row(cells: Iterable[object]) -> str:
    return "<tr>" + "".join(f"<td>{'' if cell is None else html.escape(str(cell))}" for cell in cells) + "</tr>"


def _plot(found: Exposed) -> bytes:
    """Delivered over time, promises as dotted lines; below it, where there are quotas, how far each hour met them."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 8 if found.quotas else 5), layout="constrained")
    panels = figure.subplots(2 if found.quotas else 1, squeeze=False)[:, 0]
    _draw_campaigns(panels[0], found.campaigns)
    if found.quotas:
        _draw_quotas(panels[1], found.quotas)
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=110)
    return out.getvalue()


def _draw_campaigns(axes: "Axes", lines: Sequence[Line]) -> None:
    for line in sorted(lines, key=lambda line: -line.delivered)[:MOST_DRAWN]:
        total, sums = 0, []
        for n in line.by_hour.values():
            total += n
            sums.append(total)
        color = _draw(axes, line.campaign, [hour + 1 for hour in line.by_hour], sums)
        if color is not None and line.promised is not None:
            axes.axhline(line.promised, color=color, linestyle=":", linewidth=1)
    _finish(axes, "impressions", "Delivered; dotted: promised")


def _draw_quotas(axes: "Axes", lines: Sequence[QuotaLine]) -> None:
    for line in sorted(lines, key=lambda line: -line.lists)[:MOST_DRAWN]:
        hours = [one for one in line.by_hour if one.wanted]
        _draw(axes, line.quota, [one.hour for one in hours], [1 - one.missing / one.wanted for one in hours])
    axes.set_ylim(0, 1.05)
    _finish(axes, "met", "Part of what each quota wanted, by hour")


def _draw(axes: "Axes", name: str, hours: Sequence[int], values: Sequence[float]) -> Any:
    """One line over hours since 1970, and its colour; None where it has no point."""
    from matplotlib.dates import date2num

    if not hours:
        return None
    times = date2num([to_datetime(hour * HOUR) for hour in hours])
    (drawn,) = axes.plot(times, values, marker=".", label=name.replace("$", r"\$"))
    return drawn.get_color()


def _finish(axes: "Axes", unit: str, title: str) -> None:
    axes.xaxis_date()
    axes.set_ylabel(unit)
    axes.set_title(title)
    if axes.lines:
        axes.legend(fontsize="small")
