"""The charts of the lake itself: rows by day, bytes by form, seconds by run."""

from __future__ import annotations

from typing import Any

from flows.report.coverage import Day
from flows.report.forms import Forms
from flows.report.history import RUNS, STAGES, Record, part
from flows.report.vega import DATES, Chart, axis, band, coded, columns

FORMS = {"csv": "CSV", "gz": "CSV.gz", "bronze": "bronze", "silver": "silver"}


def rows_per_day(name: str, days: list[Day]) -> Chart:
    """Rows of each session; days that are missing or partial are marked."""
    states = [day.state if day.state in ("missing", "partial") else "" for day in days]
    odd = len(days) - states.count("")
    x = {"field": "date", "type": "temporal", "scale": {"type": "utc"}, "axis": DATES}
    y = {"field": "rows", "type": "quantitative", "axis": axis("~s", 4)}
    tip = [{"field": "text", "title": "Date"}, {"field": "rows", "title": "Rows", "format": ","}]
    marks = {"domain": ["missing", "partial"]}
    marked = {
        "transform": [{"filter": "datum.state != ''"}],
        "mark": {"type": "point", "filled": False, "size": 40, "strokeWidth": 1.5},
        "encoding": {
            "y": y,
            "shape": coded("state", marks | {"range": ["cross", "triangle-up"]}),
            "color": coded("state", marks | {"range": ["var(--bad)", "var(--warn)"]}),
        },
    }
    spec = {
        "height": 120,
        "encoding": {"x": x},
        "layer": [
            {
                "transform": [{"calculate": "datum.rows > 0 ? datum.rows : null", "as": "rows"}],
                "mark": {
                    "type": "area",
                    "color": "var(--wash)",
                    "line": {"color": "var(--accent)"},
                },
                "encoding": {"y": y},
            },
            *([marked] if odd else []),
            band(tip, {"expr": f"max(3, width / {len(days)})"}),
        ],
    }
    data: dict[str, list[Any]] = {
        "date": [day.date for day in days],
        "text": [f"{day.date:%a} {day.date.day} {day.date:%b %Y}" for day in days],
        "rows": [day.rows for day in days],
        "state": states,
    }
    label = f"Rows a day of {name}, {days[0].date} to {days[-1].date}, {odd} days marked"
    return Chart(label, spec, data)


def bytes_per_row(forms: dict[str, Forms]) -> Chart:
    """What a row takes in each form."""
    bars = [
        (name, words, size / found.rows, f"{size / found.rows:.1f} B")
        for name, found in forms.items()
        for key, words in FORMS.items()
        if (size := getattr(found, key)) and found.rows
    ]
    colours = {
        "domain": list(FORMS.values()),
        "range": ["var(--form-1)", "var(--form-2)", "var(--form-3)", "var(--form-4)"],
    }
    order = {"sort": list(FORMS.values())}
    y = {"field": "dataset", "type": "nominal", "sort": list(forms)}
    x = {"field": "bytes", "type": "quantitative", "axis": None}
    spec = {
        "height": {"step": 16},
        "encoding": {
            "y": y | {"axis": {"title": None, "minExtent": 104, "maxExtent": 104}},
            "yOffset": {"field": "form"} | order,
            "x": x | {"scale": {"padding": 48, "zero": True, "nice": False}},
        },
        "layer": [
            {
                "mark": {"type": "bar", "height": {"band": 0.82}},
                "encoding": {
                    "color": {"field": "form", "type": "nominal", "scale": colours} | order
                },
            },
            {
                "mark": {"type": "text", "align": "left", "dx": 5, "dy": 7, "fill": "var(--ink-2)"},
                "encoding": {"text": {"field": "text"}},
            },
        ],
    }
    names = ("dataset", "form", "bytes", "text")
    return Chart("Bytes a row by data set and form", spec, columns(names, bars), left=104)


def seconds_per_run(stages: list[Record]) -> Chart:
    """How long the stages of the newest runs took."""
    whole = [record for record in stages if not part(record)]
    began: dict[str, str] = {}
    for record in whole:
        began.setdefault(record["run"], str(record["at"])[:23].replace("T", " "))
    newest = list(began)[-RUNS:]
    rows = [
        (began[row["run"]], row["stage"], row["seconds"], STAGES.index(row["stage"]))
        for row in whole
        if row["run"] in newest
    ]
    stages_shown = [stage for stage in STAGES if any(row[1] == stage for row in rows)]
    colours = [f"var(--stage-{STAGES.index(stage) + 1})" for stage in stages_shown]
    tip = [("at", "Began, UTC"), ("stage", "Stage"), ("seconds", "Seconds")]
    spec = {
        "height": 180,
        "mark": {"type": "bar", "width": {"band": 0.7}},
        "encoding": {
            "x": {
                "field": "at",
                "type": "ordinal",
                "axis": {"labelExpr": "utcFormat(toDate(slice(datum.label, 0, 10)), '%-d %b')"}
                | {"labelAngle": 0},
                "scale": {"range": [0, {"expr": f"min(width, {48 * len(newest)})"}]},
            },
            "y": {"field": "seconds", "type": "quantitative", "axis": axis("~s", 4, " s")},
            "color": {
                "field": "stage",
                "type": "nominal",
                "scale": {"domain": stages_shown, "range": colours},
            },
            "order": {"field": "place"},
            "tooltip": [{"field": name, "title": title} for name, title in tip],
        },
    }
    names = ("at", "stage", "seconds", "place")
    return Chart(f"Seconds by stage of {len(newest)} runs", spec, columns(names, rows))
