"""The charts' common ground, as Vega-Lite has it: https://vega.github.io/vega-lite/docs/.

Colours are CSS variables, so a chart follows the page between light and dark. Widths are set on the
page, where they are known; the left axis has one width everywhere, so plots line up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Spec = dict[str, Any]

AXIS = 60
PRICE = ",.4~f"
LABEL = {"labelColor": "var(--ink-2)", "titleColor": "var(--ink-2)"}
CONFIG = {
    "aria": False,  # The page names each chart and has its table; marks need no names of their own.
    "background": None,
    "padding": {"left": 0, "right": 0, "top": 4, "bottom": 4},
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
    "axisX": {"grid": False, "labelOverlap": "greedy", "labelSeparation": 12, "title": None},
    "axisLeft": {"minExtent": AXIS, "maxExtent": AXIS},
    "legend": LABEL
    | {"orient": "top", "title": None, "labelFontSize": 12, "offset": 8, "columnPadding": 16},
    "title": {
        "anchor": "start",
        "frame": "group",
        "dx": -AXIS,
        "color": "var(--ink-2)",
        "fontSize": 12,
        "fontWeight": 500,
        "offset": 6,
    },
}
# A year where one begins, else the month, else the day.
DATES = {
    "tickCount": {"expr": "max(3, width / 90)"},
    "labelExpr": "utcdate(datum.value) > 1 ? utcFormat(datum.value, '%-d %b')"
    " : utcmonth(datum.value) > 0 ? utcFormat(datum.value, '%b') : utcFormat(datum.value, '%Y')",
}


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


def axis(form: str, ticks: int, unit: str = "") -> Spec:
    """A quantitative axis; a plain 0 where d3 would write 0k."""
    label = f"(datum.value ? format(datum.value, '{form}') : '0') + '{unit}'"
    return {"title": None, "labelExpr": label, "tickCount": ticks}


def coded(name: str, scale: Spec) -> Spec:
    """A nominal channel without a legend."""
    return {"field": name, "type": "nominal", "scale": scale, "legend": None}


def band(tooltip: list[Spec], width: Spec, views: int = 1, view: int = 0) -> Spec:
    """A layer of unseen columns, one a date, that show values when pointed at.

    The column of that date lights up in each of the chart's `views` that has such a layer.
    """
    chosen = {"type": "point", "on": "pointerover", "clear": "pointerout", "fields": ["date"]}
    pointed = [{"param": f"pointed{index}", "empty": False} for index in range(views)]
    return {
        "params": [{"name": f"pointed{view}", "select": chosen}],
        "mark": {"type": "bar", "color": "var(--ink-2)", "width": width},
        "encoding": {
            "y": {"value": 0},
            "y2": {"value": "height"},
            "opacity": {"condition": {"test": {"or": pointed}, "value": 0.22}, "value": 0},
            "tooltip": tooltip,
        },
    }


def columns(names: tuple[str, ...], rows: list[tuple[Any, ...]]) -> dict[str, list[Any]]:
    """Rows as a list of values a column."""
    return {name: [row[index] for row in rows] for index, name in enumerate(names)}
