"""A symbol's candles, volume and features."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import Any

from flows.report.bars import Bars
from flows.report.vega import PRICE, Chart, Spec, axis, band

UP_DOWN = {
    "condition": {"test": "datum.close >= datum.open", "value": "var(--up)"},
    "value": "var(--down)",
}


def candles(bars: Bars) -> Chart:
    """Candles, volume and the features that silver has of the symbol, under one another."""
    days = bars.days
    first = [bar["date"] for last, bar in pairwise(days) if last["date"].month != bar["date"].month]
    panels = [price_panel(), bar_panel("volume", "Volume", "~s", UP_DOWN)]
    if any(bar["relative_volume"] is not None for bar in days):
        panels.append(line_panel("relative_volume", "Volume / 20-day mean", 1))
    if any(bar["daily_return"] is not None for bar in days):
        panels.append(bar_panel("daily_return", "Close / open \N{MINUS SIGN} 1", "+.0%", UP_DOWN))
    if not first or (first[0] - days[0]["date"]).days > 15:
        first.insert(0, days[0]["date"])
    months = "indexof(" + str([str(one) for one in first]) + ", datum.value)"
    label = f"{months} < 0 ? '' : utcFormat(toDate(datum.value), '%b %Y')"
    bottom = {"labelExpr": label, "labelAngle": 0, "labelOverlap": False, "title": None}
    tips = tooltip(days)
    for index, panel in enumerate(panels):
        panel["encoding"] = {
            "x": {
                "field": "date",
                "type": "ordinal",
                "axis": bottom if panel is panels[-1] else None,
            }
        }
        panel["layer"] = [
            *months_rule(),
            *panel["layer"],
            band(tips, {"band": 1}, len(panels), index),
        ]
    spec = {
        "params": [{"name": "shown", "value": len(days)}],
        "transform": [{"filter": "datum.age < shown"}],
        "vconcat": panels,
        "spacing": 18,
        "resolve": {"scale": {"x": "shared"}},
    }
    names = list(days[0])
    columns: dict[str, list[Any]] = {name: [bar[name] for bar in days] for name in names}
    columns["split"] = [split_name(bar["split"]) for bar in days]
    columns["age"] = list(range(len(days) - 1, -1, -1))
    columns["month"] = [bar["date"] in first for bar in days]
    label = (
        f"Daily candles of {bars.symbol} with volume and features, {days[0]['date']} to "
        f"{days[-1]['date']}, last close {days[-1]['close']:,.2f}"
    )
    return Chart(label, spec, columns)


def split_name(ratio: float | None) -> str:
    """`7:1 split`, with the new shares first; empty where there is none."""
    if ratio is None:
        return ""
    shares = Fraction(ratio).limit_denominator(10_000)
    return f"{shares.numerator}:{shares.denominator} split"


def price_panel() -> Spec:
    """A line from low to high, a body from open to close, hollow where the price rose."""
    hollow = {"test": "datum.close >= datum.open", "value": "var(--page)"}
    body = {"condition": hollow, "value": "var(--down)"}
    low = {"field": "low", "type": "quantitative", "scale": {"zero": False}}
    return {
        "height": 260,
        "title": "Price",
        "layer": [
            {
                "mark": "rule",
                "encoding": {
                    "y": low | {"axis": axis(PRICE, 6)},
                    "y2": {"field": "high"},
                    "color": UP_DOWN,
                },
            },
            {
                "mark": {"type": "bar", "width": {"band": 0.66}, "strokeWidth": 1.2},
                "encoding": {
                    "y": {"field": "open", "type": "quantitative"},
                    "y2": {"field": "close"},
                    "fill": body,
                    "stroke": UP_DOWN,
                },
            },
            {
                "transform": [{"filter": "datum.split"}],
                "mark": {"type": "rule", "color": "var(--ink-2)", "strokeDash": [2, 3]},
            },
            {
                "transform": [{"filter": "datum.split"}],
                "mark": {
                    "type": "text",
                    "align": "left",
                    "dx": 5,
                    "baseline": "top",
                    "fontSize": 12,
                    "dy": 4,
                },
                "encoding": {
                    "y": {"value": 0},
                    "text": {"field": "split"},
                    "color": {"value": "var(--ink)"},
                },
            },
        ],
    }


def bar_panel(name: str, title: str, form: str, colour: Spec) -> Spec:
    """Bars from zero."""
    y = {"field": name, "type": "quantitative", "axis": axis(form, 3)}
    mark = {"type": "bar", "width": {"band": 0.66}}
    layer = {"mark": mark, "encoding": {"y": y, "color": colour}}
    return {"height": 64, "title": title, "layer": [layer]}


def line_panel(name: str, title: str, base: float) -> Spec:
    """A line, and a rule at what is usual."""
    y = {"field": name, "type": "quantitative", "axis": axis("~g", 3)}
    usual = {"mark": {"type": "rule", "color": "var(--ink-2)", "strokeDash": [3, 3]}}
    return {
        "height": 64,
        "title": title,
        "layer": [
            usual | {"encoding": {"x": None, "y": {"datum": base}}},
            {
                "mark": {"type": "line", "color": "var(--accent)", "strokeWidth": 1.5},
                "encoding": {"y": y},
            },
        ],
    }


def months_rule() -> list[Spec]:
    """A faint line where a month begins."""
    mark = {"type": "rule", "color": "var(--line)", "strokeWidth": 1}
    return [{"transform": [{"filter": "datum.month"}], "mark": mark}]


def tooltip(days: list[dict[str, Any]]) -> list[Spec]:
    """A session's values, those that it has."""
    form = {"volume": ",", "transactions": ",", "daily_return": "+.2%", "relative_volume": ".2f"}
    names = [name for name in days[0] if name not in ("date", "split")]
    return [
        {"field": "date"},
        *(
            {"field": name, "title": name.replace("_", " "), "format": form.get(name, PRICE)}
            for name in names
            if days[-1][name] is not None
        ),
    ]
