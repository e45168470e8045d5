"""A lake and a store that must always equal a whole export of it."""

from __future__ import annotations

from pathlib import Path

from gold_export import versions
from gold_export.export import export
from gold_export.job import inputs
from gold_export.options import STORES, ExportOptions, ExportReport
from lake.layout import Layout
from tests.gold_export import actions
from tests.gold_export.conftest import contents
from tests.gold_export.lakehouse import Lakehouse


class Case:
    """A lake, its store brought along with every change, and the rows that silver should hold."""

    def __init__(self, root: Path, store: str, options: ExportOptions) -> None:
        self.root, self.store, self.options = root, store, options
        self.layout = Layout(root / "lake")
        self.house = Lakehouse(self.layout)
        self.count = 0
        self.tables = set(STORES[store])

    def refer(self, factors: list[actions.Span], types: dict[str, str]) -> None:
        """Publish other factors and types."""
        self.house.refer(factors, types)
        self.tables |= {"adjustment_factors", "tickers"}

    def export(self, layout: Layout | None = None) -> ExportReport:
        wanted = [name for name in inputs(self.store, self.options) if name in self.tables]
        snapshots = self.house.publish(*wanted)
        return export(self.house.con, layout or self.layout, self.store, snapshots, self.options)

    def upkeep(self) -> None:
        """Maintain the lake, as far as the store and what is published allow."""
        made_from = versions.sources(self.layout, self.store)
        self.house.upkeep(self.house.publish(*made_from).items() | made_from.items())

    def update(self) -> ExportReport:
        """Export, and compare with a whole export of the same silver."""
        report = self.export()
        fresh = Layout(self.root / f"fresh{self.count}")
        self.count += 1
        self.export(fresh)
        got, want = (contents(place.gold(self.store)) for place in (self.layout, fresh))
        assert sorted(got) == sorted(want)
        assert [name for name in want if got[name] != want[name]] == []
        return report
