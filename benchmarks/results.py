"""What was measured, as Markdown and as a chart."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.measure import Cost, ratio


@dataclass
class Section:
    """One table.

    Attributes:
        title: its heading.
        text: what was run, on how much data.
        columns: headings; the first names the case.
        rows: a cell a column.
        bars: what the chart shows: label → how many times faster ours is, 1 being as fast.
    """

    title: str
    text: str
    columns: list[str]
    rows: list[list[str]] = field(default_factory=list)
    bars: dict[str, float] = field(default_factory=dict)

    def markdown(self) -> str:
        """Heading, text and table."""
        lines = [f"## {self.title}", "", self.text, ""]
        lines += [row(self.columns), row(["---"] * len(self.columns))]
        return "\n".join([*lines, *map(row, self.rows), ""])


def row(cells: list[str]) -> str:
    """One line of a Markdown table."""
    return f"| {' | '.join(cells)} |"


# Cases that the chart leaves out: our own, and what nobody can be faster than.
NO_PEERS = ("ours", "floor", "second copy", "update")
COSTS = ["seconds", "processor s", "peak MB", "theirs ÷ ours, clock", "processor"]


def compared(
    title: str, text: str, costs: dict[str, list[Cost]], rows: int = 0, ours: str = "ours"
) -> Section:
    """A section of cases side by side; above 1 ours is faster. With `rows`, rows a second too."""
    section = Section(title, text, ["", *(["M rows/s"] if rows else []), *COSTS])
    own = costs[ours]
    for name, spent in costs.items():
        seconds, processor = ([getattr(c, key) for c in spent] for key in ("seconds", "processor"))
        clock = ratio(seconds, [c.seconds for c in own])
        cells = [f"{rows / statistics.median(seconds) / 1e6:.2f}"] if rows else []
        cells += [
            f"{statistics.median(seconds):.2f}",
            f"{statistics.median(processor):.2f}",
            f"{max(c.peak_rss for c in spent) / 1e6:.0f}",
            clock,
            ratio(processor, [c.processor for c in own]),
        ]
        section.rows.append([name, *cells])
        if not name.startswith(NO_PEERS):
            section.bars[f"{title}: {name}"] = float(clock.split()[0])
    return section


def chart(sections: list[Section], path: Path) -> None:
    """Every ratio as a bar on a logarithmic axis; right of 1 ours is faster."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "quantmini"
    from matplotlib import pyplot

    bars = {label: value for section in sections for label, value in section.bars.items()}
    figure, axes = pyplot.subplots(figsize=(9, 0.32 * len(bars) + 1), layout="constrained")
    colours = ["#2a7f62" if value >= 1 else "#b5523b" for value in bars.values()]
    axes.barh(list(bars), [value - 1 for value in bars.values()], left=1, color=colours)
    axes.set_xscale("log")
    axes.invert_yaxis()
    axes.axvline(1, color="#444444", linewidth=1)
    for place, value in enumerate(bars.values()):
        axes.annotate(
            f"{value:.3g} x",
            (value, place),
            xytext=(4 if value >= 1 else -4, 0),
            textcoords="offset points",
            va="center",
            ha="left" if value >= 1 else "right",
            fontsize=8,
        )
    axes.margins(x=0.15)
    axes.tick_params(axis="y", labelsize=8, length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.set_xlabel("their time by ours (logarithmic)")
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
