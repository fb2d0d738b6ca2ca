"""A drift report as one self-contained page."""

from collections.abc import Mapping
from html import escape
from typing import Any

from training.drift.report import number, versions

STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem;color:#1b1f24;background:#fff}
table{border-collapse:collapse;width:100%}th,td{padding:.35rem .6rem;text-align:left;border-bottom:1px solid #d8dee4}
td.n{text-align:right;font-variant-numeric:tabular-nums}.ok{color:#1a7f37}.warn{color:#9a6700}.block{color:#cf222e}
.bar{background:#eaeef2;width:8rem;height:.6rem}.bar i{display:block;height:100%;background:currentColor}
@media(prefers-color-scheme:dark){body{color:#e6edf3;background:#0d1117}th,td{border-color:#30363d}.bar{background:#30363d}}
"""
HEAD = "<tr><th>measure<th>level<th>value<th>against its limit<th>chance<th>warn<th>block<th>most moved</tr>"


def page(values: Mapping[str, Any]) -> str:
    """The page of a report's plain values."""
    title = f"Drift from {versions(values['from'])} to {versions(values['to'])}"
    rows = "".join(_row(row) for row in values["measures"])
    lists = f" Lists by bundle {escape(values['bundle'])}." if values["bundle"] else ""
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title><style>{STYLE}</style>'
        f'<h1>{escape(title)}</h1><p class="{values["verdict"]}"><b>{values["verdict"]}</b> '
        f"{escape(values['sentence'])}</p><p>{escape(values['lake'])}: {values['new_events']:,} new events.{lists}</p>"
        f"<table>{HEAD}{rows}</table>"
        "<p>A measure that is no larger than chance is ok whatever its limit. For overlap less is worse.</p></html>\n"
    )


def _row(row: Mapping[str, Any]) -> str:
    numbers = [f'<td class="n">{number(row[key])}</td>' for key in ("value", "noise", "warn", "block")]
    name = f"{escape(row['name'])} <small>{escape(row['kind'])}</small>"
    bar = f'<td class="{row["level"]}"><div class="bar"><i style="width:{100 * _share(row):.0f}%"></i></div></td>'
    return (
        f'<tr><td>{name}</td><td class="{row["level"]}">{row["level"]}</td>{numbers[0]}{bar}'
        f"{''.join(numbers[1:])}<td>{escape(row['detail'])}</td></tr>"
    )


def _share(row: Mapping[str, Any]) -> float:
    """How much of the way to its highest limit a value has gone."""
    limit = row["block"] if row["block"] is not None else row["warn"]
    if not limit or row["value"] is None:
        return 0.0
    return float(min(1.0, row["value"] / limit))
