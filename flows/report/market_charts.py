"""The charts of a symbol and of an option chain."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from flows.report.charts import Chart, Spec, axis
from flows.report.market import Bars, Chain

UP_DOWN = {
    "condition": {"test": "datum.close >= datum.open", "value": "var(--up)"},
    "value": "var(--down)",
}
SIDES = {"domain": ["call", "put"], "range": ["var(--call)", "var(--put)"]}
PRICE = ",.4~f"


def candles(bars: Bars) -> Chart:
    """Candles, volume and the features that silver has of the symbol, under one another."""
    days = bars.days
    first = [day["date"] for before, day in pairwise(days) if before["date"].month != day["date"].month]
    panels = [price_panel(), bar_panel("volume", "Volume", "~s", UP_DOWN)]
    if any(day["relative_volume"] is not None for day in days):
        panels.append(line_panel("relative_volume", "Volume / 20-day mean", 1))
    if any(day["daily_return"] is not None for day in days):
        panels.append(bar_panel("daily_return", "Close / open − 1", "+.0%", UP_DOWN))
    months = "indexof(" + str([str(day) for day in first]) + ", datum.value)"
    label = f"{months} < 0 ? '' : utcFormat(toDate(datum.value), '%b %Y')"
    bottom = {"labelExpr": label, "labelAngle": 0, "labelOverlap": False, "title": None}
    for panel in panels:
        panel["encoding"] = {
            "x": {"field": "date", "type": "ordinal", "axis": bottom if panel is panels[-1] else None}
        }
        panel["layer"] = [*months_rule(), *panel["layer"], hover_band(days)]
    spec = {
        "params": [{"name": "shown", "value": len(days)}],
        "transform": [{"filter": "datum.age < shown"}],
        "vconcat": panels,
        "spacing": 18,
        "resolve": {"scale": {"x": "shared"}},
    }
    names = list(days[0])
    columns: dict[str, list[Any]] = {name: [day[name] for day in days] for name in names}
    columns["age"] = list(range(len(days) - 1, -1, -1))
    columns["month"] = [day["date"] in first for day in days]
    label = (
        f"Daily candles of {bars.symbol} with volume and features, {days[0]['date']} to "
        f"{days[-1]['date']}, last close {days[-1]['close']:,.2f}"
    )
    return Chart(label, spec, columns)


def price_panel() -> Spec:
    """A line from low to high, a body from open to close, hollow where the price rose."""
    hollow = {"test": "datum.close >= datum.open", "value": "var(--card)"}
    body = {"condition": hollow, "value": "var(--down)"}
    low = {"field": "low", "type": "quantitative", "scale": {"zero": False}}
    return {
        "height": 260,
        "layer": [
            {
                "mark": "rule",
                "encoding": {
                    "y": low | {"axis": axis("Price", PRICE, 6)},
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
        ],
    }


def bar_panel(name: str, title: str, form: str, colour: Spec) -> Spec:
    """Bars from zero."""
    y = {"field": name, "type": "quantitative", "axis": axis(title, form, 3)}
    mark = {"type": "bar", "width": {"band": 0.66}}
    return {"height": 64, "layer": [{"mark": mark, "encoding": {"y": y, "color": colour}}]}


def line_panel(name: str, title: str, base: float) -> Spec:
    """A line, and a rule at what is usual."""
    y = {"field": name, "type": "quantitative", "axis": axis(title, "~g", 3)}
    usual = {"mark": {"type": "rule", "color": "var(--ink-2)", "strokeDash": [3, 3]}}
    return {
        "height": 64,
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


def hover_band(days: list[dict[str, Any]]) -> Spec:
    """An unseen band a session, which shows the session's values."""
    form = {"volume": ",", "transactions": ",", "daily_return": "+.2%", "relative_volume": ".2f"}
    names = [name for name in days[0] if name != "date"]
    tips = [
        {"field": name, "title": name.replace("_", " "), "format": form.get(name, PRICE)}
        for name in names
        if days[-1][name] is not None
    ]
    return {
        "mark": {"type": "bar", "opacity": 0, "width": {"band": 1}},
        "encoding": {
            "y": {"value": 0},
            "y2": {"value": "height"},
            "tooltip": [{"field": "date", "title": "date"}, *tips],
        },
    }


def series_name(row: dict[str, Any]) -> str:
    """An expiration, and its root where the underlying has several."""
    return f"{row['expiration_date'].day} {row['expiration_date']:%b %Y} {row['root']}"


def chain(found: Chain) -> Chart:
    """Closes and volumes of calls and puts by strike, for the series chosen on the page."""
    rows = []
    for row in found.strikes:
        for side, sign in (("call", 1), ("put", -1)):
            close, volume = row[f"{side}_close"], row[f"{side}_volume"]
            if close is not None:
                rows.append((series_name(row), row["strike"], side, close, volume, sign * volume))
    busiest = min(found.strikes, key=lambda row: row["place"])
    tips = [
        ("series", "series", None),
        ("strike", "strike", PRICE),
        ("side", "side", None),
        ("close", "close", PRICE),
        ("volume", "volume", ","),
    ]
    tooltip = [
        {"field": name, "title": title} | ({"format": form} if form else {})
        for name, title, form in tips
    ]
    x = {"field": "strike", "type": "quantitative", "scale": {"zero": False, "padding": 12}}
    colour = {"field": "side", "type": "nominal", "scale": SIDES}
    shape = {"field": "side", "type": "nominal", "scale": {"range": ["circle", "square"]}}
    spot = {
        "mark": {"type": "rule", "color": "var(--ink-2)", "strokeDash": [4, 3]},
        "encoding": {"x": {"datum": found.spot}},
    }
    close = {"field": "close", "type": "quantitative", "axis": axis("Close", PRICE, 5)}
    volume = {
        "field": "signed",
        "type": "quantitative",
        "axis": axis("Puts · volume · calls", "~s", 5)
        | {"labelExpr": "replace(datum.label, '−', '')"},
    }
    panels: list[Spec] = [
        {
            "height": 200,
            "layer": [
                {
                    "mark": {"type": "line", "strokeWidth": 1.5},
                    "encoding": {"x": x | {"axis": None}, "y": close, "color": colour},
                },
                {
                    "mark": {"type": "point", "filled": True, "size": 46, "opacity": 1},
                    "encoding": {
                        "x": x,
                        "y": close,
                        "color": colour,
                        "shape": shape,
                        "tooltip": tooltip,
                    },
                },
            ],
        },
        {
            "height": 150,
            "layer": [
                {
                    "mark": {"type": "bar", "size": 5},
                    "encoding": {
                        "x": x | {"axis": {"title": None, "format": ",~f"}},
                        "y": volume,
                        "color": colour,
                        "tooltip": tooltip,
                    },
                }
            ],
        },
    ]
    if found.spot is not None:
        for panel in panels:
            panel["layer"].append(spot)
    spec = {
        "params": [{"name": "series", "value": series_name(busiest)}],
        "transform": [{"filter": "datum.series == series"}],
        "vconcat": panels,
        "spacing": 14,
        "resolve": {"scale": {"x": "shared"}},
    }
    names = ("series", "strike", "side", "close", "volume", "signed")
    columns = {name: [row[index] for row in rows] for index, name in enumerate(names)}
    label = f"Option chain of {found.underlying} on {found.date}: closes and volumes by strike"
    return Chart(label, spec, columns)
