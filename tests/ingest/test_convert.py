"""A flat file's every line ends in bronze, in quarantine, or as a counted repetition."""

from __future__ import annotations

import gzip
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest import flatfile
from ingest.bronze import Encoding, Provenance, read_provenance
from ingest.convert import ConvertOptions, convert
from ingest.source import RemoteFile
from lake.datasets import DATASETS
from lake.errors import BadData, CorruptFile, QuantminiError
from lake.layout import Layout
from tests.ingest.conftest import DAY, HEADER, MIDNIGHT, MINUTE, Bucket, bar, packed

COLUMNS = ["symbol", "date", "ts", "open", "high", "low", "close", "volume", "transactions"]


def convert_bytes(
    bucket: Bucket,
    content: bytes,
    name: str = "stocks_minute",
    day: date = DAY,
    max_bad_share: float = 1,
    **limited: Any,
) -> Provenance:
    path = bucket.put(content, day, name)
    remote = RemoteFile(DATASETS[name].object_key(day), day, len(content), None, 1)
    options = replace(ConvertOptions(max_bad_share), **limited)
    return convert(path, bucket.layout, DATASETS[name], remote, "etag", options)


def kept(layout: Layout, name: str = "stocks_minute", day: date = DAY) -> pl.DataFrame:
    return pl.read_parquet(layout.bronze(DATASETS[name], day))


def refused(layout: Layout, name: str = "stocks_minute", day: date = DAY) -> dict[int, str]:
    path = layout.quarantine(DATASETS[name], day)
    if not path.exists():
        return {}
    frame = pl.read_parquet(path)
    return dict(zip(frame["line_number"], frame["reason"], strict=True))


def test_values_and_columns(bucket: Bucket) -> None:
    texts = ["600000.41", "0.0001", "0.00012345678", "1e-05", "10.5", "0.12", "700", "1234.5678"]
    lines = [
        bar("BRK.A", 570 + i, open_=text, close=text, high=text, low=text, volume=f"{i}.25")
        for i, text in enumerate(texts)
    ]
    convert_bytes(bucket, packed(*lines))
    frame = kept(bucket.layout)
    assert frame.columns == COLUMNS
    for price in ("open", "high", "low", "close"):
        assert frame[price].to_list() == [Decimal(text) for text in texts]
    assert frame["volume"].to_list() == [Decimal(f"{i}.25") for i in range(len(texts))]
    assert frame["ts"][0] == datetime(2024, 6, 10, 13, 30, tzinfo=UTC)
    assert frame["date"].unique().to_list() == [DAY]


def test_duckdb_reads_it_as_designed(bucket: Bucket) -> None:
    convert_bytes(bucket, packed(bar("A"), bar("B", volume="1.5")))
    path = bucket.layout.bronze(DATASETS["stocks_minute"], DAY)
    read = f"read_parquet('{path}', hive_partitioning = false)"
    described = duckdb.sql(f"select column_name, column_type from (describe from {read})")
    types = dict(described.fetchall())
    assert types == {
        "symbol": "VARCHAR",
        "date": "DATE",
        "ts": "TIMESTAMP WITH TIME ZONE",
        **dict.fromkeys(["open", "high", "low", "close"], "DECIMAL(18,4)"),
        "volume": "DECIMAL(18,1)",
        "transactions": "BIGINT",
    }
    schema = pq.ParquetFile(path).schema
    assert {schema.column(i).max_definition_level for i in range(len(schema))} == {0}
    assert schema.column(COLUMNS.index("open")).physical_type == "INT64"


def test_names_that_look_like_missing_values(bucket: Bucket) -> None:
    names = ["BACPL", "BACpL", "NA", "NAN", "NULL", "None", "TRUE", "inf", "nan", "null"]
    convert_bytes(bucket, packed(*(bar(name) for name in reversed(names))))
    assert kept(bucket.layout)["symbol"].to_list() == sorted(names)


@pytest.mark.parametrize(
    ("header", "ending"),
    [
        (HEADER, "\n"),
        (HEADER, "\r\n"),
        ("\ufeff" + HEADER, "\n"),
        (",".join(f'"{name}"' for name in HEADER.split(",")), "\n"),
    ],
)
def test_shapes_of_the_same_file(bucket: Bucket, header: str, ending: str) -> None:
    text = ending.join([header, bar("A"), bar("B")])
    known = convert_bytes(bucket, gzip.compress(text.encode()))
    assert (known.rows_in, known.rows_kept) == (2, 2)
    assert kept(bucket.layout)["symbol"].to_list() == ["A", "B"]


def test_quotes_blank_lines_and_members(bucket: Bucket) -> None:
    quoted = ",".join(f'"{field}"' for field in bar("C").split(","))
    content = packed(bar("A"), "", quoted) + gzip.compress(b"\n" + bar("D").encode() + b"\n\n")
    known = convert_bytes(bucket, content)
    assert (known.rows_in, known.rows_kept) == (3, 3)
    assert kept(bucket.layout)["symbol"].to_list() == ["A", "C", "D"]


def test_columns_in_any_order_and_a_new_one(
    bucket: Bucket, caplog: pytest.LogCaptureFixture
) -> None:
    order = ["vwap", *reversed(HEADER.split(",")), "otc"]
    fields = dict(zip(HEADER.split(","), bar("A").split(","), strict=True))
    line = ",".join(fields.get(name, "") for name in order)
    convert_bytes(bucket, packed(line, header=",".join(order)))
    assert kept(bucket.layout)["close"].to_list() == [Decimal("10.5")]
    assert [record.message for record in caplog.records] == [
        "us_stocks_sip/minute_aggs_v1/2024/06/2024-06-10.csv.gz: columns left out: 'vwap', 'otc'"
    ]


def test_header_only(bucket: Bucket) -> None:
    known = convert_bytes(bucket, packed())
    assert known.rows_in == 0
    assert kept(bucket.layout).columns == COLUMNS
    assert not len(kept(bucket.layout))


@pytest.mark.parametrize(
    ("content", "error", "part"),
    [
        (b"", CorruptFile, "empty"),
        (b"not gzip", CorruptFile, "not a whole gzip"),
        (packed(bar())[:-9], CorruptFile, "not a whole gzip"),
        (packed(bar())[:20], CorruptFile, "not a whole gzip"),
        (packed(bar()) + b"garbage", CorruptFile, "not a whole gzip"),
        (packed(bar())[:-8] + bytes(8), CorruptFile, "not a whole gzip"),
        (gzip.compress(b""), BadData, "no content"),
        (packed(header=HEADER.replace(",close", "")), BadData, "column close missing"),
        (packed(header=HEADER + ",open"), BadData, "column open twice"),
        (packed(bar("A" * 9_000_000)), BadData, "a line is longer"),
    ],
    # The bytes hold the time of packing, which would make other names in each test process.
    ids=[
        "empty",
        "not gzip",
        "no trailer",
        "header alone",
        "trailing garbage",
        "wrong checksum",
        "nothing packed",
        "column missing",
        "column twice",
        "no end of a line",
    ],
)
def test_bad_file(bucket: Bucket, content: bytes, error: type[Exception], part: str) -> None:
    convert_bytes(bucket, packed(bar("OLD"), bar("BAD", high="1")))
    with pytest.raises(error, match=part) as caught:
        convert_bytes(bucket, content)
    assert "2024-06-10.csv.gz" in str(caught.value)
    assert kept(bucket.layout)["symbol"].to_list() == ["OLD"]
    assert list(refused(bucket.layout)) == [3]


def test_too_many_bad_rows(bucket: Bucket) -> None:
    lines = [bar("A"), bar("B", high="1"), bar("C", volume="x")]
    with pytest.raises(BadData, match=r"2 of 3 rows are bad.*line 3: high < max.*line 4: volume"):
        convert_bytes(bucket, packed(*lines), max_bad_share=0.5)
    assert not [path for path in bucket.layout.root.rglob("*") if path.is_file()]
    assert convert_bytes(bucket, packed(*lines), max_bad_share=0.7).rows_quarantined == 2


BAD_ROWS = {
    "not as many": ["A,1,2", bar() + ",1"],
    "open is not a number": [bar(open_="ten"), bar(open_=""), bar(open_="nan")],
    "close is not positive": [bar(close="0"), bar(close="-1", low="-1")],
    "low is not positive": [bar(low="0")],
    "high <": [bar(high="10.49"), bar(high="9")],
    "low >": [bar(low="10.01"), bar(low="12")],
    "volume is not": [bar(volume=""), bar(volume="1 000")],
    "volume is negative": [bar(volume="-1"), bar(volume="-0.5")],
    "transactions is not": [bar(transactions="1.5"), bar(transactions="")],
    "transactions is negative": [bar(transactions="-1")],
    "window_start is not": [bar(stamp="now"), bar(stamp="99999999999999999999")],
    "window_start is outside": [
        bar(minute=-1),
        bar(minute=1440),
        bar(stamp="0"),
        bar(stamp="17179920000000000"),
    ],
    "finer than a microsecond": [bar(stamp=str(MIDNIGHT + 1))],
    "ticker is empty": [bar("")],
    "ticker is longer than 100": [bar("A" * 101)],
    "ticker holds": [bar(" A"), bar("A\x00"), bar('"A'), bar("A\x7f"), bar("A\x9b")],
}


@pytest.mark.parametrize(
    ("reason", "line"), [(reason, line) for reason, lines in BAD_ROWS.items() for line in lines]
)
def test_bad_row(bucket: Bucket, reason: str, line: str) -> None:
    known = convert_bytes(bucket, packed(bar("GOOD"), line, bar("ALSO")))
    assert (known.rows_in, known.rows_kept, known.rows_quarantined) == (3, 2, 1)
    assert list(refused(bucket.layout)) == [3]
    assert reason in refused(bucket.layout)[3]
    assert kept(bucket.layout)["symbol"].to_list() == ["ALSO", "GOOD"]


def test_quarantine_shows_the_text(bucket: Bucket) -> None:
    convert_bytes(bucket, packed(bar("A"), "", bar("B", open_="ten", volume="-1"), "C,1"))
    frame = pl.read_parquet(bucket.layout.quarantine(DATASETS["stocks_minute"], DAY))
    assert frame.columns == ["line_number", *flatfile.COLUMNS, "reason"]
    row = frame.row(0, named=True)
    assert (row["line_number"], row["ticker"], row["open"], row["low"]) == (4, "B", "ten", "9.99")
    assert "open is not a number" in row["reason"]
    assert "volume is negative" in row["reason"]
    assert frame.row(1, named=True)["open"] is None


def test_duplicates(bucket: Bucket) -> None:
    lines = [
        bar("B", 600),
        bar("A", 600),
        bar("B", 600, open_="10.00"),
        bar("C", 600),
        bar("C", 600, volume="101"),
        bar("C", 600),
        bar("A", 601),
    ]
    known = convert_bytes(bucket, packed(*lines))
    assert (known.rows_kept, known.rows_quarantined, known.duplicates_dropped) == (3, 3, 1)
    assert sorted(refused(bucket.layout)) == [5, 6, 7]
    assert kept(bucket.layout).select("symbol", pl.col("ts").dt.minute()).rows() == [
        ("A", 0),
        ("A", 1),
        ("B", 0),
    ]


def test_a_day_bar_is_the_only_one_of_its_instrument(bucket: Bucket) -> None:
    lines = [bar("A", 0), bar("B", 0), bar("B", 960), bar("C", 960), bar("C", 960)]
    known = convert_bytes(bucket, packed(*lines), "stocks_daily")
    assert (known.rows_kept, known.rows_quarantined, known.duplicates_dropped) == (2, 2, 1)
    assert kept(bucket.layout, "stocks_daily")["symbol"].to_list() == ["A", "C"]


@pytest.mark.parametrize(("day", "hours"), [(date(2024, 3, 10), 23), (date(2024, 11, 3), 25)])
def test_days_when_the_clock_changes(bucket: Bucket, day: date, hours: int) -> None:
    offset = 5 if hours == 23 else 4
    begin = int(datetime(day.year, day.month, day.day, offset, tzinfo=UTC).timestamp()) * 10**9
    end = begin + hours * 60 * MINUTE
    stamps = [begin - MINUTE, begin, end - MINUTE, end]
    lines = [bar(f"S{place}", stamp=str(stamp)) for place, stamp in enumerate(stamps)]
    convert_bytes(bucket, packed(*lines), day=day)
    assert kept(bucket.layout, day=day)["symbol"].to_list() == ["S1", "S2"]


OPTIONS = {
    "O:AAPL240621C00200000": None,
    "O:SPXW240610P05300000": None,
    "O:BRKB240621C00400500": None,
    "O:SDS1240621C00020000": None,
    "O:A1P240621C240621P00020000": None,
    "AAPL240621C00200000": "no option",
    "O:240621C00200000": "no option",
    "O:AAPL240621X00200000": "no option",
    "O:AAPL240631C00200000": "no date",
    "O:AAPL240607C00200000": "expired before 2024-06-10",
    "O:AAPL240621C00000000": "strike is zero",
}


@pytest.mark.parametrize(("ticker", "reason"), OPTIONS.items())
def test_option_tickers(bucket: Bucket, ticker: str, reason: str | None) -> None:
    convert_bytes(bucket, packed(bar(ticker)), "options_minute")
    assert (reason or "") in refused(bucket.layout, "options_minute").get(2, "")
    assert kept(bucket.layout, "options_minute")["ticker"].to_list() == [ticker] * (not reason)


def test_provenance(bucket: Bucket) -> None:
    content = packed(bar("A"), bar("A"), bar("B", high="1"))
    known = convert_bytes(bucket, content)
    path = bucket.layout.bronze(DATASETS["stocks_minute"], DAY)
    assert read_provenance(path) == known
    assert known == Provenance(
        "us_stocks_sip/minute_aggs_v1/2024/06/2024-06-10.csv.gz",
        "etag",
        len(content),
        1,
        3,
        1,
        1,
        1,
    )
    path.write_bytes(b"damaged")
    assert read_provenance(path) is None


def test_slices_do_not_show(bucket: Bucket) -> None:
    lines = [bar(f"S{i:03}", high="1" if i % 7 == 0 else "11") for i in range(100)]
    content = packed(*lines[:50], "", "torn", *lines[50:])
    known = convert_bytes(bucket, content)
    whole, bad = kept(bucket.layout), refused(bucket.layout)
    assert convert_bytes(bucket, content, slice_bytes=300, row_group_rows=17) == known
    assert kept(bucket.layout).equals(whole)
    assert refused(bucket.layout) == bad


@pytest.mark.parametrize(
    ("later", "type_"),
    [
        (bar("Z", volume="1.25"), pl.Decimal(18, 2)),
        (bar("A000"), pl.Decimal(18, 0)),
        (bar("Z", volume="1e1"), pl.Decimal(18, 0)),
        (bar("Z", volume="1e20", open_="x"), pl.Decimal(18, 0)),
    ],
)
def test_a_draft_that_does_not_hold_is_written_anew(
    bucket: Bucket, later: str, type_: pl.Decimal
) -> None:
    """A unit, an order, a notation or a repetition that shows only in a later slice."""
    lines = [bar(f"A{i:03}", volume=str(i)) for i in range(200)]
    known = convert_bytes(bucket, packed(*lines, later), slice_bytes=300, row_group_rows=17)
    assert known.rows_in == known.rows_kept + known.rows_quarantined + known.duplicates_dropped
    frame = kept(bucket.layout)
    assert frame["symbol"].to_list() == sorted(set(frame["symbol"]))
    assert frame.schema["volume"] == type_
    rest = {row[0]: row[1] for row in frame.select("symbol", "volume").rows()}
    assert all(rest[f"A{i:03}"] == i for i in range(1, 200))


LINE_NOISE = st.one_of(
    st.binary(max_size=40).map(lambda noise: noise.replace(b"\n", b"")),
    st.builds(
        lambda ticker, price, volume: bar(ticker, open_=price, volume=volume).encode(),
        st.sampled_from(["A", "B", "NA", ""]),
        st.sampled_from(["10", "10.0", "1e1", "11.5", "ten", ""]),
        st.sampled_from(["1", "1.5", "-1"]),
    ),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(lines=st.lists(LINE_NOISE, max_size=12), ending=st.sampled_from([b"\n", b"\r\n", b""]))
def test_no_line_is_lost(bucket: Bucket, lines: list[bytes], ending: bytes) -> None:
    text = b"\n".join([HEADER.encode(), *lines]) + ending
    known = convert_bytes(bucket, gzip.compress(text))
    count = sum(1 for line in text.split(b"\n")[1:] if line.removesuffix(b"\r"))
    assert known.rows_in == count
    assert known.rows_in == known.rows_kept + known.rows_quarantined + known.duplicates_dropped
    assert len(kept(bucket.layout)) == known.rows_kept
    assert len(refused(bucket.layout)) == known.rows_quarantined


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(noise=st.binary(max_size=300), seed=st.integers(0, 400))
def test_any_bytes_end_in_our_errors(bucket: Bucket, noise: bytes, seed: int) -> None:
    good = packed(*(bar(f"S{i}") for i in range(20)))
    broken = bytearray(good)
    broken[seed % len(good)] ^= 1 + seed % 255
    for content in (noise, gzip.compress(noise), bytes(broken), good[: seed % len(good)]):
        try:
            convert_bytes(bucket, content)
        except QuantminiError as error:
            assert "2024-06-10.csv.gz" in str(error)


def test_quarantine_goes_when_the_file_is_mended(bucket: Bucket) -> None:
    convert_bytes(bucket, packed(bar("A"), bar("B", high="1")))
    convert_bytes(bucket, packed(bar("A"), bar("B")))
    assert refused(bucket.layout) == {}
    assert len(kept(bucket.layout)) == 2


def test_crash_before_the_rename_leaves_the_old_file(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    convert_bytes(bucket, packed(bar("OLD")))

    def crash(self: Path, target: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(Path, "replace", crash)
        with pytest.raises(KeyboardInterrupt):
            convert_bytes(bucket, packed(bar("NEW")))
    assert kept(bucket.layout)["symbol"].to_list() == ["OLD"]
    assert [path.suffix for path in bucket.layout.root.rglob("*") if path.is_file()] == [".parquet"]


@pytest.mark.parametrize(
    ("encoding", "compression"),
    [
        (Encoding(), "ZSTD"),
        (Encoding("snappy", dictionary=False, statistics=False), "SNAPPY"),
        (Encoding("gzip", 9), "GZIP"),
    ],
)
def test_encodings_change_the_file_and_not_its_rows(
    bucket: Bucket, encoding: Encoding, compression: str
) -> None:
    content = packed(*[bar(f"S{i:03}") for i in range(100)])
    convert_bytes(bucket, content)
    rows = kept(bucket.layout)
    convert_bytes(bucket, content, encoding=encoding)
    assert kept(bucket.layout).equals(rows)
    file = pq.ParquetFile(bucket.layout.bronze(DATASETS["stocks_minute"], DAY))
    group = file.metadata.row_group(0)
    for index in range(group.num_columns):
        column = group.column(index)
        assert column.compression == compression
        assert column.is_stats_set == encoding.statistics
        repeats = column.path_in_schema in ("symbol", "date", "ts")
        assert column.has_dictionary_page == (repeats and encoding.dictionary)
