"""The charts as Vega-Lite specifications, https://vega.github.io/vega-lite/docs/.

Colours are CSS variables, so a chart follows the page between light and dark. Widths are set on the
page, where they are known; the left axis has one width everywhere, so plots line up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flows.report.coverage import Day
from flows.report.history import RUNS, Record, part
from flows.report.storage import Forms

Spec = dict[str, Any]

AXIS = 52
LABEL = {"labelColor": "var(--ink-2)", "titleColor": "var(--ink-2)"}
CONFIG = {
    "aria": False,  # The page names each chart and has its table; marks need no names of their own.
    "background": None,
    "font": "inherit",
    "padding": 0,
    "view": {"stroke": None},
    "axis": LABEL
    | {
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": 500,
        "gridColor": "var(--line)",
        "domain": False,
        "ticks": False,
        "labelPadding": 8,
    },
    "axisX": {"grid": False, "labelOverlap": "greedy", "title": None},
    "axisLeft": {"minExtent": AXIS, "maxExtent": AXIS},
    "legend": LABEL
    | {"orient": "top", "title": None, "labelFontSize": 12, "symbolType": "square", "offset": 8},
    "header": LABEL,
}
STAGES = ("reference", "ingest", "transform", "export")
FORMS = {"csv": "CSV", "gz": "CSV.gz", "bronze": "bronze", "silver": "silver"}


@dataclass(frozen=True)
class Chart:
    """A chart of the page.

    Attributes:
        label: what it shows, for those who do not see it.
        spec: Vega-Lite without data and widths.
        columns: the data, a list of values a column, all of the same length.
        left: the width of its left axis.
    """

    label: str
    spec: Spec
    columns: dict[str, list[Any]]
    left: int = AXIS

    def document(self) -> dict[str, Any]:
        """What the page reads."""
        return {"spec": {"config": CONFIG} | self.spec, "columns": self.columns, "left": self.left}


def rows_per_day(name: str, days: list[Day]) -> Chart:
    """Rows of each session; days that are missing or partial are marked."""
    odd = [day for day in days if day.state in ("missing", "partial")]
    x = {"field": "date", "type": "temporal", "scale": {"type": "utc"}}
    y = {"field": "rows", "type": "quantitative", "axis": axis(None, "~s", 4)}
    tip = [{"field": "day", "title": "Date"}, {"field": "rows", "title": "Rows", "format": ","}]
    marks = {"domain": ["missing", "partial"]}
    spec = {
        "height": 120,
        "encoding": {"x": x},
        "layer": [
            {
                "transform": [{"calculate": "datum.rows > 0 ? datum.rows : null", "as": "rows"}],
                "mark": {"type": "area", "color": "var(--wash)", "line": {"color": "var(--accent)"}},
                "encoding": {"y": y},
            },
            {
                "transform": [{"filter": "datum.state != ''"}],
                "mark": {"type": "point", "filled": False, "size": 50, "strokeWidth": 2},
                "encoding": {
                    "y": y,
                    "shape": coded("state", marks | {"range": ["cross", "triangle-up"]}),
                    "color": coded("state", marks | {"range": ["var(--bad)", "var(--warn)"]}),
                },
            },
            *hover(tip, "rows"),
        ],
    }
    columns = {
        "date": [day.date for day in days],
        "day": [f"{day.date:%a} {day.date.day} {day.date:%b %Y}" for day in days],
        "rows": [day.rows for day in days],
        "state": [day.state if day in odd else "" for day in days],
    }
    label = f"Rows a day of {name}, {days[0].date} to {days[-1].date}, {len(odd)} days marked"
    return Chart(label, spec, columns)


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
                "encoding": {"color": {"field": "form", "type": "nominal", "scale": colours} | order},
            },
            {
                "mark": {"type": "text", "align": "left", "dx": 5, "fill": "var(--ink-2)"},
                "encoding": {"text": {"field": "text"}},
            },
        ],
    }
    names = ("dataset", "form", "bytes", "text")
    return Chart("Bytes a row by data set and form", spec, columns(names, bars), left=104)


def seconds_per_run(stages: list[Record]) -> Chart:
    """How long the stages of the newest runs took."""
    whole = [record for record in stages if not part(record)]
    newest = list(dict.fromkeys(record["run"] for record in whole))[-RUNS:]
    bars = [
        (newest.index(row["run"]), str(row["at"])[:16], str(row["stage"]), row["seconds"])
        for row in whole
        if row["run"] in newest
    ]
    when = {index: at for index, at, *_ in reversed(bars)}
    rows = [(index, when[index].replace("T", " "), *rest) for index, _, *rest in bars]
    colours = {"domain": list(STAGES), "range": [f"var(--stage-{n})" for n in range(1, 5)]}
    shown = {"domain": [stage for stage in STAGES if stage in {row[2] for row in rows}]}
    tip = [("at", "Run, UTC"), ("stage", "Stage"), ("seconds", "Seconds")]
    label = {"labelExpr": "split(datum.label, ' ')[0]", "labelAngle": 0}
    spec = {
        "height": 180,
        "mark": {"type": "bar", "width": {"band": 0.7}},
        "encoding": {
            "x": {"field": "at", "type": "ordinal", "axis": label, "scale": {"paddingOuter": 0.2}},
            "y": {
                "field": "seconds",
                "type": "quantitative",
                "axis": axis(None, "~s", 4) | {"labelExpr": "datum.label + ' s'"},
            },
            "color": {
                "field": "stage",
                "scale": {
                    "domain": shown["domain"],
                    "range": [
                        colours["range"][STAGES.index(stage)] for stage in shown["domain"]
                    ],
                },
            },
            "order": {"field": "stage"},
            "tooltip": [{"field": name, "title": title} for name, title in tip],
        },
    }
    names = ("index", "at", "stage", "seconds")
    return Chart(f"Seconds by stage of {len(newest)} runs", spec, columns(names, rows))


def axis(title: str | None, form: str, ticks: int) -> Spec:
    """A quantitative axis."""
    return {"title": title, "format": form, "tickCount": ticks}


def coded(name: str, scale: Spec) -> Spec:
    """A nominal channel without a legend."""
    return {"field": name, "type": "nominal", "scale": scale, "legend": None}


def hover(tooltip: list[Spec], y: str) -> list[Spec]:
    """Layers that show the nearest point's values and a rule through it."""
    chosen = {
        "type": "point",
        "on": "pointerover",
        "clear": "pointerout",
        "nearest": True,
        "encodings": ["x"],
    }
    return [
        {
            "params": [{"name": "near", "select": chosen}],
            "mark": {"type": "point", "opacity": 0},
            "encoding": {"y": {"field": y, "type": "quantitative"}, "tooltip": tooltip},
        },
        {
            "transform": [{"filter": {"param": "near", "empty": False}}],
            "mark": {"type": "rule", "color": "var(--ink-2)", "strokeWidth": 1},
        },
    ]


def columns(names: tuple[str, ...], rows: list[tuple[Any, ...]]) -> dict[str, list[Any]]:
    """Rows as a list of values a column."""
    return {name: [row[index] for row in rows] for index, name in enumerate(names)}
