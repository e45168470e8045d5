"""An option chain by strike."""

from __future__ import annotations

from typing import Any

from flows.report.chain import Chain
from flows.report.vega import PRICE, Chart, Spec, axis, columns
from flows.report.words import day

SIDES = {"domain": ["call", "put"], "range": ["var(--call)", "var(--put)"]}
COLOUR = {"field": "side", "type": "nominal", "scale": SIDES}
TOOLTIP = [
    {"field": "series"},
    {"field": "strike", "format": PRICE},
    {"field": "side"},
    {"field": "close", "format": PRICE},
    {"field": "volume", "format": ","},
]


def series_name(found: Chain, row: dict[str, Any]) -> str:
    """An expiration, and its root where that is another than the underlying."""
    root = "" if row["root"] == found.underlying else f" {row['root']}"
    return f"{day(row['expiration_date'])}{root}"


def chain(found: Chain) -> Chart:
    """Closes and volumes of calls and puts by strike, for the series chosen on the page."""
    busiest = min(found.strikes, key=lambda row: row["place"])
    panels = [close_panel(), volume_panel()]
    if found.spot is not None:
        mark = {"type": "rule", "color": "var(--ink-2)", "strokeDash": [4, 3]}
        for panel in panels:
            panel["layer"].append({"mark": mark, "encoding": {"x": {"datum": found.spot}}})
    spec = {
        "params": [{"name": "series", "value": series_name(found, busiest)}],
        "transform": [{"filter": "datum.series == series"}],
        "vconcat": panels,
        "spacing": 14,
        "resolve": {"scale": {"x": "shared"}},
    }
    rows = [
        (series_name(found, row), row["strike"], side, close, row[f"{side}_volume"])
        for row in found.strikes
        for side in SIDES["domain"]
        if (close := row[f"{side}_close"]) is not None
    ]
    label = f"Option chain of {found.underlying} on {found.date}: closes and volumes by strike"
    return Chart(label, spec, columns(("series", "strike", "side", "close", "volume"), rows))


def close_panel() -> Spec:
    """A point a contract; shapes tell calls from puts where colours do not."""
    y = {"field": "close", "type": "quantitative", "axis": axis(PRICE, 5)}
    shape = {"field": "side", "type": "nominal", "scale": SIDES | {"range": ["circle", "square"]}}
    point = {"type": "point", "filled": True, "size": 46, "opacity": 1}
    encoding = {"x": strikes(None), "y": y, "color": COLOUR}
    return {
        "height": 200,
        "title": "Close by strike",
        "layer": [
            {"mark": {"type": "line", "strokeWidth": 1.5}, "encoding": encoding},
            {"mark": point, "encoding": encoding | {"shape": shape, "tooltip": TOOLTIP}},
        ],
    }


def volume_panel() -> Spec:
    """Calls upwards, puts downwards."""
    label = {"labelExpr": "format(abs(datum.value), '~s')"}
    y = {"field": "signed", "type": "quantitative", "axis": axis("~s", 5) | label}
    x = strikes({"title": None, "format": ",~f"})
    signed = {"calculate": "datum.side == 'put' ? -datum.volume : datum.volume", "as": "signed"}
    return {
        "height": 150,
        "title": "Volume by strike: calls above, puts below",
        "transform": [signed],
        "layer": [
            {
                "mark": {"type": "bar", "size": 5},
                "encoding": {"x": x, "y": y, "color": COLOUR, "tooltip": TOOLTIP},
            }
        ],
    }


def strikes(axis_: Spec | None) -> Spec:
    """The channel that both panels share."""
    scale = {"zero": False, "padding": 12}
    return {"field": "strike", "type": "quantitative", "scale": scale, "axis": axis_}
