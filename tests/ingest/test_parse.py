"""Numbers keep every digit, whichever reader takes them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import exact, parse
from ingest.exact import longest_fraction
from ingest.flatfile import COLUMNS, LINE
from ingest.join import joined
from tests.ingest.conftest import HEADER

FIELDS = HEADER.split(",")
SIGN = st.sampled_from(["", "-", "+"])
DIGITS = st.text("0123456789", min_size=1, max_size=12)
PLAIN = st.builds("{}{}.{}".format, SIGN, DIGITS, DIGITS) | st.builds("{}{}".format, SIGN, DIGITS)
LOOKS_WHOLE = st.sampled_from(["0" * 16, "9" * 16])
NUMBER = (
    PLAIN
    | st.builds("{}{}{}".format, PLAIN, st.sampled_from("eE"), st.integers(-8, 6))
    # The nearest double is a whole number.
    | st.builds("{}.{}{}".format, DIGITS, LOOKS_WHOLE, st.integers(0, 9))
)
# Whatever may stand between commas, near-numbers above all.
FIELD = NUMBER | st.text("0123456789.eE+-_ \"\0xnaif'\r\u00e9١", max_size=8) | st.text(max_size=5)


def day(slices: list[bytes]) -> pl.DataFrame:
    return joined([parse.typed(data, FIELDS, 2 + at) for at, data in enumerate(slices)]).decimals()


def price_of(text: str) -> Any:
    line = f"A,1,{text},1,1,1,1,1\n".encode()
    return day([line])["open"]


@pytest.mark.parametrize(
    ("text", "type_"),
    [
        ("600000.41", pl.Decimal(18, 4)),
        ("0.0001", pl.Decimal(18, 4)),
        ("1.50000000", pl.Decimal(18, 4)),
        ("0.00012345678", pl.Decimal(18, 11)),
        ("1e-05", pl.Decimal(18, 5)),
        ("1.25E+3", pl.Decimal(18, 4)),
        ("123456789012345678.12345678901234567891", pl.Decimal(38, 20)),
        ("99999999999999", pl.Decimal(18, 4)),
        ("100000000000000", pl.Decimal(38, 4)),
        (".5", pl.Decimal(18, 4)),
        ("5.", pl.Decimal(18, 4)),
        # The nearest double is a whole number.
        ("12345678901.0000001", pl.Decimal(18, 7)),
        ("100.0000000000000001", pl.Decimal(38, 16)),
        ("0.99999999999999999", pl.Decimal(18, 17)),
    ],
)
def test_value_and_type(text: str, type_: pl.Decimal) -> None:
    prices = price_of(text)
    assert prices.to_list() == [Decimal(text)]
    assert prices.dtype == type_


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nan",
        "inf",
        " 5",
        "5 ",
        "1_000",
        "0x10",
        "١",
        "1e",
        "e5",
        ".",
        "-",
        "1.2.3",
        "1e-21",
        "1000000000000000000",
        "1e400",
        "1e-99999999999999999999",
        "0.000000000000000000001",
    ],
)
def test_no_number(text: str) -> None:
    assert price_of(text).to_list() == [None]


@settings(deadline=None)
@given(st.lists(NUMBER, min_size=1, max_size=5))
def test_every_number_is_exact(texts: list[str]) -> None:
    lines = "".join(f"A,{text},1,1,1,1,1,1\n" for text in texts).encode()
    kept = day([lines])["volume"].to_list()
    assert kept == [Decimal(text) for text in texts]


@settings(deadline=None)
@given(st.lists(NUMBER, min_size=7, max_size=7), st.integers(0, 7), FIELD, st.booleans())
def test_quick_reader_agrees_with_careful_one(
    numbers: list[str], place: int, field: str, crlf: bool
) -> None:
    fields = ["A", *numbers]
    fields[place] = field
    data = (",".join(fields) + ("\r\n" if crlf else "\n")).encode("utf-8", "replace")
    # Whole numbers where they belong, so that the quick reader takes many of these lines.
    whole = b"A,1,2,2,3,1,%s,1\nA,1,%s,2,3,1,5,4\n" % ((field.encode("utf-8", "replace"),) * 2)
    for lines in (data, whole):
        quick = parse.quick(lines, FIELDS, 2)
        if quick is not None:
            assert quick.decimals().select(LINE, *COLUMNS).rows() == careful_rows(lines)


def careful_rows(data: bytes) -> list[tuple[Any, ...]]:
    frame = parse.careful(data, FIELDS, 2).rows
    assert not frame["ragged"].any()
    return frame.select(LINE, *COLUMNS).rows()


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_quick_reader_agrees_on_any_bytes(noise: bytes) -> None:
    data = b"A,1,2,2,3,1,5,1\nB,1,2,2,3,1,5," + noise
    quick = parse.quick(data, FIELDS, 2)
    if quick is not None:
        assert quick.decimals().select(LINE, *COLUMNS).rows() == careful_rows(data)


def test_slices_of_different_scale_are_joined() -> None:
    lines = ["A,1,1.5,1,1,1,1,1\n", "B,2.5,1.123456,1,1,1,1,1\n", "C,3,1e-7,1,1,1,1,1\n"]
    frame = day([line.encode() for line in lines])
    assert frame["open"].to_list() == [Decimal("1.5"), Decimal("1.123456"), Decimal("1e-7")]
    assert frame.schema["open"] == pl.Decimal(18, 7)
    assert frame.schema["volume"] == pl.Decimal(18, 1)


@settings(deadline=None)
@given(st.lists(st.tuples(DIGITS, DIGITS), min_size=1, max_size=30))
def test_longest_fraction_is_never_too_short(numbers: list[tuple[str, str]]) -> None:
    data = "\n".join(f"{whole}.{fraction}" for whole, fraction in numbers).encode()
    assert longest_fraction(data) == max(len(fraction) for _, fraction in numbers)


def test_longest_fraction_across_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exact, "CACHED", 7)
    for shift in range(20):
        padding = b"1," * shift
        assert longest_fraction(padding + b"1.123456789," + padding) == 9
        assert longest_fraction(padding + b"1e5," + padding) is None
