"""Bronze that is not what its landing file gives is found, whatever happened to which of them."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import duckdb
import polars as pl
import pytest

from ingest.bronze import FOOTER_KEY
from ingest.convert import ConvertOptions
from ingest.loader import ingest
from ingest.verify import Checked, bronze_against_landing
from lake.datasets import DATASETS
from lake.layout import Layout
from lake.maintenance.landing import put_away
from tests.ingest.conftest import DAY, Bucket, bar, packed

MINUTES = DATASETS["stocks_minute"]
NEXT = DAY + timedelta(days=1)


@pytest.fixture
def layout(bucket: Bucket) -> Layout:
    """A day with a bad row and a repeated one."""
    row = bar("BRK.A", open_="612345.6789", high="612400.1", low="1", close="2", volume="0.25")
    bucket.put(packed(bar(), row, row, bar("BAD", high="1")))
    assert not ingest(bucket.layout, bucket.source, [MINUTES]).failed
    return bucket.layout


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        yield connection


def checked(con: duckdb.DuckDBPyConnection, layout: Layout) -> Checked:
    return bronze_against_landing(con, layout, MINUTES, ConvertOptions())


def complaint(con: duckdb.DuckDBPyConnection, layout: Layout) -> str:
    [difference] = checked(con, layout).differences
    assert difference.date == DAY
    assert str(layout.bronze(MINUTES, DAY)) in difference.error
    assert "quantmini run" in difference.error
    return difference.error


def rewrite(path: Path, frame: pl.DataFrame) -> None:
    """Other rows under the same footer."""
    footer = pl.read_parquet_metadata(path)[FOOTER_KEY]
    frame.write_parquet(path, metadata={FOOTER_KEY: footer})


def test_a_whole_day(con, layout):
    assert checked(con, layout) == Checked(1, 0, [])
    assert not list(layout.temp.iterdir())


def test_a_value_of_bronze_was_changed(con, layout):
    path = layout.bronze(MINUTES, DAY)
    rewrite(path, pl.read_parquet(path).with_columns(transactions=pl.lit(8, pl.Int64)))
    assert "other rows" in complaint(con, layout)


def test_a_row_of_bronze_is_missing(con, layout):
    path = layout.bronze(MINUTES, DAY)
    rewrite(path, pl.read_parquet(path).head(1))
    assert "bronze has 1 rows and quarantine 1, the footer says 2 and 1" in complaint(con, layout)


def test_bronze_is_no_parquet(con, layout):
    layout.bronze(MINUTES, DAY).write_bytes(b"PAR1 not quite")
    assert "cannot be read" in complaint(con, layout)


def test_quarantine_was_lost(con, layout):
    layout.quarantine(MINUTES, DAY).unlink()
    assert "quarantine 0" in complaint(con, layout)


def test_quarantine_is_no_parquet(con, layout):
    layout.quarantine(MINUTES, DAY).write_bytes(b"PAR1 not quite")
    assert f"{layout.quarantine(MINUTES, DAY)} cannot be read" in complaint(con, layout)


def test_a_version_that_was_put_away_goes_with_the_one_that_replaces_it(con, bucket, layout):
    put_away(layout, NEXT, drop=False)
    bucket.put(packed(bar()))
    assert ingest(layout, bucket.source, [MINUTES], keep_landing=False).ingested
    assert layout.landed(MINUTES, DAY) is None
    assert checked(con, layout) == Checked(0, 1, [])


def test_a_bit_of_landing_has_flipped(con, layout):
    path = layout.landing(MINUTES, DAY)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    [difference] = checked(con, layout).differences
    assert f"{path} is not the file that bronze was made from; `quantmini run`" in difference.error
    assert "if it is damaged, remove it" in difference.error


@pytest.mark.parametrize("drop", [False, True])
def test_old_landing_is_put_away_and_still_checked(con, bucket, layout, drop):
    bucket.put(packed(bar(stamp=str(1_718_114_400 * 10**9))), NEXT)
    stray = layout.landing(MINUTES, DAY - timedelta(days=1))
    stray.write_bytes(b"its day is not in bronze")
    assert not ingest(layout, bucket.source, [MINUTES]).failed
    size = layout.landing(MINUTES, DAY).stat().st_size
    assert put_away(layout, NEXT, drop=drop) == (1, size)
    assert not layout.landing(MINUTES, DAY).exists()
    assert layout.historical(MINUTES, DAY).exists() is not drop
    assert layout.landing(MINUTES, NEXT).exists()
    assert stray.exists()
    assert checked(con, layout) == Checked(1 if drop else 2, 1 if drop else 0, [])
    # It is not fetched again either.
    assert not ingest(layout, bucket.source, [MINUTES]).ingested


def test_an_archive_on_another_disk_gets_a_copy(bucket, layout, monkeypatch):
    assert not ingest(layout, bucket.source, [MINUTES]).failed
    source, target = layout.landing(MINUTES, DAY), layout.historical(MINUTES, DAY)
    content, rename = source.read_bytes(), Path.replace

    def replace(path: Path, to: Path) -> Path:
        if path == source:
            raise OSError(errno.EXDEV, "another disk")
        return rename(path, to)

    monkeypatch.setattr(Path, "replace", replace)
    assert put_away(layout, NEXT, drop=False) == (1, len(content))
    assert target.read_bytes() == content
    assert not source.exists()
    assert list(target.parent.iterdir()) == [target]
