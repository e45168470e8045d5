"""Silver on a Spark cluster is DuckDB's, also when it grew in another order (docs/scaling.md)."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from lake.calendar import write_sessions
from lake.datasets import DATASETS
from lake.layout import Layout
from tests.conftest import Ran
from tests.dbt_project.bronze import attached, published_splits, write_contracts, write_splits
from tests.dbt_project.conftest import Dbt

pytest.importorskip("pyspark", reason="without the extra: uv sync --extra spark")
if not (shutil.which("java") or os.environ.get("JAVA_HOME")):
    pytest.skip(
        "Spark needs Java: apt-get install openjdk-17-jre-headless", allow_module_level=True
    )

from tests.spark.cluster import cluster, dbt_on_spark

pytestmark = pytest.mark.slow(220)
Contents = dict[str, pa.Table]
# Tests of the gate that say nothing new of SQL once those of other models passed.
ALIKE = ["*_ohlc_order", "*_positive_prices", "*_volume_not_negative"]
ALIKE += ["unique_key_*_minute_*", "no_missing_session_*_minute*", "options_daily_finite_features"]


@dataclass(frozen=True)
class Built:
    """Silver of one market: DuckDB's, and Spark's as it grew.

    `before` and `after` are Spark's files before and after the build that caught up.
    """

    duckdb: Contents
    grown: Contents
    before: dict[str, set[Path]]
    after: dict[str, set[Path]]
    days: list[date]


@pytest.fixture(scope="module")
def built(ran: Ran, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    base = tmp_path_factory.mktemp("spark")
    lake, warehouse = base / "lake", base / "lake/silver_spark"
    days = list(ran.layout.bronze_files(DATASETS["stocks_daily"]))
    splits = published_splits(ran.source)
    assert len(splits) == 2
    contract = pq.read_table(ran.layout.bronze(DATASETS["options_daily"], days[0]))["ticker"][0]

    write_bronze(ran.layout, Layout(base))
    shutil.copytree(base / "bronze", lake / "bronze")
    write_sessions(Layout(lake).sessions)
    disturb(Layout(lake), days)
    write_splits(lake, dict([*splits.items()][:1]))
    with cluster(base) as master, dbt_on_spark(master, lake, base) as dbt:
        dbt.build("--exclude-resource-type", "test")
        before = files(warehouse)
        # A copy keeps the time of its file, so what is as it was is no change.
        shutil.rmtree(lake / "bronze")
        shutil.copytree(base / "bronze", lake / "bronze")
        write_splits(lake, splits)
        write_contracts(lake, {contract.as_py(): "QUAD"})
        dbt.build("--exclude", *ALIKE)
        after, grown = files(warehouse), contents(warehouse)
    names = [f"+{name}" for name in DATASETS]
    run = Dbt(tmp_path_factory.mktemp("dbt"))(
        lake, "build", "--select", *names, "--exclude-resource-type", "test", "unit_test"
    )
    assert run.returncode == 0, run.stdout
    with attached(lake, read_only=True) as connection:
        expected = {
            name: connection.sql(f"FROM lake.silver.{name} ORDER BY {key(name)}").to_arrow_table()
            for name in DATASETS
        }
    yield Built(expected, grown, before, after, days)


def write_bronze(source: Layout, lake: Layout) -> None:
    """The market's bronze, of minute bars those of ten minutes of each hour."""
    for dataset in DATASETS.values():
        for day, path in source.bronze_files(dataset).items():
            bars = pq.read_table(path)
            if dataset.minute:
                bars = bars.filter(pc.less(pc.minute(bars["ts"]), 10))
            write(bars, lake.bronze(dataset, day))


def write(bars: pa.Table, path: Path) -> None:
    """A bronze file, decimals in integers as ingest writes them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    pq.write_table(bars, path, store_decimal_as_integer=True)


def disturb(layout: Layout, days: list[date]) -> None:
    """Bronze as it was before: a day is late, one is still to be restated, one has to go."""
    for dataset in DATASETS.values():
        layout.bronze(dataset, days[3]).unlink()
        path = layout.bronze(dataset, days[4])
        bars = pq.read_table(path)
        odd = pc.equal(pc.bit_wise_and(pa.array(range(len(bars))), 1), 1)
        write(bars.filter(odd), path)
        extra = days[2] + timedelta(1)
        assert extra.weekday() == 5
        dates = pa.array([extra] * len(bars), pa.date32())
        column = bars.schema.get_field_index("date")
        write(bars.set_column(column, "date", dates), layout.bronze(dataset, extra))


def key(name: str) -> str:
    dataset = DATASETS[name]
    return f"{dataset.instrument}, date" + (", ts" if dataset.minute else "")


def files(warehouse: Path) -> dict[str, set[Path]]:
    """The Parquet files of each model, named anew whenever they are written."""
    return {
        name: set((warehouse / f"silver.db/{name}").glob("date=*/*.parquet")) for name in DATASETS
    }


def contents(warehouse: Path) -> Contents:
    """Spark's tables as another engine reads them, in DuckDB's order."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        return {
            name: connection.sql(
                f"FROM read_parquet('{warehouse}/silver.db/{name}/date=*/*.parquet', "
                f"hive_partitioning = true) ORDER BY {key(name)}"
            ).to_arrow_table()
            for name in DATASETS
        }


@pytest.mark.parametrize("name", DATASETS)
def test_every_column_is_duckdbs(built: Built, name: str) -> None:
    expected, actual = built.duckdb[name], built.grown[name]
    assert len(expected) > 500
    assert sorted(actual.column_names) == sorted(expected.column_names)
    for column in expected.column_names:
        ours, theirs = expected[column].combine_chunks(), actual[column].combine_chunks()
        assert theirs.type == ours.type, column
        assert theirs.is_null().equals(ours.is_null()), column
        if ours.type != pa.float64():
            assert theirs.equals(ours), column
            continue
        ours, theirs = ours.drop_null(), theirs.drop_null()
        off = pc.abs(pc.subtract(theirs, ours))
        # Where an estimate cancels to 0, what rounding leaves of it is not comparable.
        allowed = pc.add(pc.multiply(pc.abs(ours), 1e-9), 1e-14)
        assert pc.all(pc.less_equal(off, allowed)).as_py(), column
    assert all(expected[column].null_count < len(expected) for column in expected.column_names)


def test_only_what_windows_reach_is_written_again(built: Built) -> None:
    def untouched(name: str) -> set[date]:
        kept = built.before[name] & built.after[name]
        return {date.fromisoformat(path.parent.name.removeprefix("date=")) for path in kept}

    days = built.days
    late, restated = days[3], days[4]
    assert untouched("stocks_minute") == {*days} - {late, restated}
    # A second split reaches the last 12 days, the changed days the 20 after them.
    assert untouched("stocks_daily") == {*days[:3]}
    assert {*days[24:]} <= untouched("options_daily") < {*days[:3], *days[24:]}
