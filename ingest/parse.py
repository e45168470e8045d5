"""Lines become typed rows without losing a digit.

Numbers are `[+-]digits[.digits][e[+-]digits]` with at most 18 whole digits and 20 decimals.
"""

from __future__ import annotations

import polars as pl

from ingest.exact import Slice, counted, longest_fraction
from ingest.flatfile import COLUMNS, LINE, PRICES, RAGGED, positions, rows_of_text

WHOLE = ("window_start", "transactions")
DECIMALS = (*PRICES, "volume")
# The most digits that a Decimal has.
LARGE = 38
MOST_DECIMALS = 20
# The fast reader does not unwrap quotes, skips blanks before a number, and drops a carriage
# return at the end of any field.
NOT_QUICK = (b'"', b" ", b"\t")


def typed(data: bytes, header: list[str], first: int) -> Slice:
    """Parse a slice of lines.

    Args:
        data: lines below the header.
        header: the file's column names.
        first: number of the first of these lines; the header is line 1. A blank line gives no row.
    """
    return quick(data, header, first) or careful(data, header, first)


def quick(data: bytes, header: list[str], first: int) -> Slice | None:
    """Parse with the fast reader if every line is regular, else None."""
    longest = longest_fraction(data)
    if longest is None or any(mark in data for mark in NOT_QUICK):
        return None
    if b"\r" in data and data.count(b"\r") != data.count(b"\r\n"):
        return None
    types = dict.fromkeys(WHOLE, pl.Int64()) | dict.fromkeys(DECIMALS, pl.Float64())
    try:
        frame = pl.read_csv(
            data,
            schema={name: types.get(name, pl.String()) for name in positions(header)},
            has_header=False,
            quote_char=None,
            row_index_name=LINE,
            row_index_offset=first,
        )
    except pl.exceptions.PolarsError:
        return None
    # A line with too many fields is an error above, one with too few ends in a null.
    if any(frame.null_count().row(0)):
        return None
    known = [LINE, *(name for name in header if name in COLUMNS)]
    return counted(frame if frame.columns == known else frame.select(known), longest)


def careful(data: bytes, header: list[str], first: int) -> Slice:
    """Parse line by line, whatever the lines hold."""
    raw = rows_of_text(data, header, first)
    typed_columns = {
        "ticker": pl.col("ticker").fill_null(""),
        **{column: _exact(column, 0).cast(pl.Int64, strict=False) for column in WHOLE},
        **{column: _exact(column, MOST_DECIMALS) for column in DECIMALS},
    }
    known = [typed_columns[name] for name in header if name in typed_columns]
    return Slice(raw.select(LINE, *known, RAGGED), None)


def _exact(column: str, most: int) -> pl.Expr:
    """A text column as Decimal(38, most), null where that would round or is no number."""
    text = pl.col(column)
    exponent = text.str.extract("[eE]([+-]?[0-9]{1,4})$").cast(pl.Int64)
    fraction = text.str.replace("[eE].*$", "").str.extract(r"\.([0-9]*)")
    places = fraction.str.strip_chars_end("0").str.len_bytes().fill_null(0).cast(pl.Int64)
    plain = ~text.str.contains_any(["e", "E"])
    needed = places - pl.when(plain).then(0).otherwise(exponent)
    return (
        pl.when(needed <= most).then(text.cast(pl.Decimal(LARGE, most), strict=False)).alias(column)
    )
