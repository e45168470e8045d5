"""What is published is served: data sets, and reference tables where there are some."""

import duckdb
import pytest

from lake import catalog
from lake.attaching import attach_sql, install_extensions
from lake.errors import CorruptFile, NotBuilt, OutOfMemory, UsageError
from lake.files import write_json
from lake.layout import Layout
from lake.maintenance.snapshots import newest


@pytest.fixture
def layout(tmp_path):
    made = Layout(tmp_path / "la'ke")
    made.catalog.parent.mkdir(parents=True)
    with duckdb.connect() as con:
        install_extensions(con)
        con.execute(attach_sql(made, read_only=False))
        con.execute("create schema lake.silver")
        con.execute("create table lake.silver.stocks_daily as select 'AAA' as symbol")
        con.execute("create table lake.silver.tickers as select 'AAA' as symbol, 'CS' as type")
        snapshot = newest(con)
        # dbt makes the table anew at each build; what is published stays readable.
        con.execute("create or replace table lake.silver.tickers as select 'BBB' as symbol")
    entry = {"snapshot": snapshot, "run": "first"}
    write_json(made.published, {"tickers": entry, "stocks_daily": entry})
    return made


def test_reference_tables_are_served_at_their_snapshot(layout):
    with catalog.connect(layout, "1GB", 1) as lake:
        assert lake.execute("select symbol, type from silver.tickers").fetchall() == [("AAA", "CS")]
        with pytest.raises(duckdb.CatalogException):
            lake.execute("from silver.adjustment_factors")


def test_only_data_sets_count_as_published(layout):
    assert list(catalog.published(layout)) == ["stocks_daily"]
    assert sorted(catalog.tables(layout)) == ["stocks_daily", "tickers"]
    assert catalog.tables(layout)["tickers"].run == "first"


def test_marts_are_tables(layout):
    folder = layout.watermarks("stocks").parent
    folder.mkdir()
    duckdb.sql("SELECT 1 AS days").write_parquet(str(folder / "symbols.parquet"))
    with catalog.connect(layout, "1GB", 1) as lake:
        assert lake.execute("SELECT days FROM metadata.symbols").fetchall() == [(1,)]


def test_reference_tables_alone_are_no_lake(tmp_path):
    layout = Layout(tmp_path)
    write_json(layout.published, {"tickers": {"snapshot": 1, "run": "first"}})
    with pytest.raises(NotBuilt, match="quantmini run"):
        catalog.connect(layout, "1GB", 1)


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (duckdb.Error("unable to open database file"), UsageError, "give this user both"),
        (duckdb.Error("attempt to write a readonly database"), UsageError, "give this user both"),
        (duckdb.OutOfMemoryException("15 MiB used"), OutOfMemory, "processing.max_memory_gb"),
        (duckdb.Error("database disk image is malformed"), CorruptFile, "quantmini maintain"),
    ],
)
def test_a_whole_catalog_is_not_called_damaged(layout, monkeypatch, error, kind, words):
    def refuse(*_, **__):
        raise error

    monkeypatch.setattr(catalog, "attach", refuse)
    with pytest.raises(kind, match=words):
        catalog.connect(layout, "1GB", 1)


@pytest.mark.parametrize("content", [b"", b"SQLite format 3\0, more or less" * 500])
def test_a_catalog_that_cannot_be_read_names_what_helps(layout, content):
    layout.catalog.write_bytes(content)
    with pytest.raises(CorruptFile, match="maintain rebuild"):
        catalog.connect(layout, "1GB", 1)


@pytest.mark.parametrize(
    "content", ["", "[]", "null", '{"stocks_daily": 5}', '{"stocks_daily": {"snap']
)
def test_a_damaged_list_of_what_is_published_names_what_helps(layout, content):
    layout.published.write_text(content)
    with pytest.raises(CorruptFile, match=f"{layout.transformed}, then `quantmini transform`"):
        catalog.connect(layout, "1GB", 1)


def test_a_catalog_older_than_what_is_published_names_what_helps(layout):
    entry = {"snapshot": 99, "run": "first"}
    write_json(layout.published, {"stocks_daily": entry})
    with pytest.raises(CorruptFile, match="then `quantmini transform`"):
        catalog.connect(layout, "1GB", 1)
