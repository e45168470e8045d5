"""A real DuckLake whose silver gains, changes and loses rows, one snapshot at a time."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa

from lake import archive
from lake.datasets import DATASETS
from lake.layout import Layout
from lake.maintenance import snapshots
from lake.maintenance.compact import compact
from tests.dbt_project.bronze import attached
from tests.gold_export import actions, market


@cache
def empty_catalog() -> bytes:
    """A lake without tables; to make one takes half a second."""
    with TemporaryDirectory() as folder:
        layout = Layout(Path(folder))
        layout.catalog.parent.mkdir()
        with attached(layout.root, read_only=False) as con:
            con.execute("create schema lake.silver; create schema lake.metadata")
        return layout.catalog.read_bytes()


class Lakehouse:
    """One connection that writes the lake and reads what is published."""

    def __init__(self, layout: Layout) -> None:
        layout.catalog.parent.mkdir(parents=True, exist_ok=True)
        layout.catalog.write_bytes(empty_catalog())
        self.layout = layout
        self.con = attached(layout.root, read_only=False)
        self.run("create schema silver")

    def run(self, *statements: str, **tables: pa.Table) -> None:
        """Run statements, which make one snapshot of the lake each."""
        for name, table in tables.items():
            self.con.register(name, table)
        for statement in statements:
            self.con.execute(statement)

    def make(self, dataset: str, rows: list[market.Row]) -> None:
        """A new table, whose files hold a month each."""
        name, table = f"lake.silver.{dataset}", market.as_arrow(dataset, rows)
        self.run(
            "begin",
            f"drop table if exists {name}",
            f"create table {name} as from incoming limit 0",
            f"alter table {name} set partitioned by (year(date), month(date))",
            f"insert into {name} from incoming",
            "commit",
            incoming=table,
        )

    def replace(self, dataset: str, rows: list[market.Row], gone: list[market.Row] = []) -> None:  # noqa: B006
        """Delete the rows with the keys of both lists and insert the first: one snapshot."""
        key = f"({DATASETS[dataset].instrument}, ts)"
        delete = f"delete from lake.silver.{dataset} where {key} in (select {key} from "
        tables = {
            name: market.as_arrow(dataset, part)
            for name, part in (("gone", gone), ("incoming", rows))
            if part
        }
        statements = [f"{delete}{name})" for name in tables]
        if rows:
            statements.append(f"insert into lake.silver.{dataset} from incoming")
        self.run("begin", *statements, "commit", **tables)

    def insert(self, dataset: str, rows: list[market.Row]) -> None:
        self.run(
            f"insert into lake.silver.{dataset} from incoming",
            incoming=market.as_arrow(dataset, rows),
        )

    def refer(self, factors: list[actions.Span], types: dict[str, str]) -> None:
        """Drop both reference tables and make them again, as dbt does at each build."""
        tables = {
            "adjustment_factors": actions.as_arrow(factors),
            "tickers": actions.tickers(types),
        }
        for name, table in tables.items():
            self.run(f"create or replace table lake.silver.{name} as from incoming", incoming=table)

    def upkeep(self, needed: Iterable[tuple[str, int]]) -> None:
        """What `quantmini maintain` does to the lake; `needed` is what readers still hold."""
        moment = datetime.now(UTC)
        snapshots.expire(self.con, needed, moment)
        compact(self.con)
        snapshots.delete_scheduled(self.con, moment + timedelta(days=1))

    def expire(self) -> None:
        self.run("call ducklake_expire_snapshots('lake', older_than => now())")
        self.run("call ducklake_cleanup_old_files('lake', cleanup_all => true)")

    def publish(self, *names: str) -> dict[str, int]:
        """Make `silver.<dataset>` the newest snapshot, as lake.catalog does; return its number."""
        snapshot = snapshots.newest(self.con)
        for name in names:
            rows = archive.every_row(self.con, self.layout, name, snapshot)
            self.run(f"create or replace view memory.silver.{name} as {rows}")
        return dict.fromkeys(names, snapshot)
