"""Lines become typed rows without losing a digit.

Numbers are `[+-]digits[.digits][e[+-]digits]` with at most 18 whole digits and 20 decimals.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from ingest.flatfile import COLUMNS, LINE, PRICES, RAGGED, positions, rows_of_text

WHOLE = ("window_start", "transactions")
DECIMALS = (*PRICES, "volume")
# Storage that every price and volume of the past fitted; a file that needs more gets more.
PRICE_SCALE = 4
VOLUME_SCALE = 0
# 18 digits are what Parquet holds in an INT64, 38 the most there are.
SMALL, LARGE = 18, 38
MOST_DECIMALS = 20
COMMA, DOT, NEWLINE, LOWER, E = b",.\n e"
DOT_TO_NINE = 12
# The fast reader does not unwrap quotes, skips blanks before a number, and drops a carriage
# return at the end of any field.
NOT_QUICK = (b'"', b" ", b"\t")
# Bytes that stay in the processor's cache while they are looked at several times.
CACHED = 1 << 17


def typed(data: bytes, header: list[str], first: int) -> pl.DataFrame:
    """Parse a slice of lines.

    Args:
        data: lines below the header.
        header: the file's column names.
        first: number of the first of these lines.

    Returns:
        A row for each line that is not blank: `line_number`, `ticker`, `window_start` (ns) and
        `transactions` as Int64, prices and volume as Decimals of this slice's own scale; null
        where the text is not such a number. Where a line is ragged there is a column `ragged`.
    """
    frame = quick(data, header, first)
    return careful(data, header, first) if frame is None else frame


def quick(data: bytes, header: list[str], first: int) -> pl.DataFrame | None:
    """Parse with the fast reader if every line is regular, else None."""
    # That reader rounds decimals beyond the scale it is told, so the slice's own is found first.
    scale = longest_fraction(data)
    if scale is None or any(mark in data for mark in NOT_QUICK):
        return None
    if b"\r" in data and data.count(b"\r") != data.count(b"\r\n"):
        return None
    decimal = pl.Decimal(SMALL, max(scale, PRICE_SCALE))
    types = dict.fromkeys(WHOLE, pl.Int64()) | dict.fromkeys(DECIMALS, decimal)
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
    return frame if frame.columns == known else frame.select(known)


def longest_fraction(data: bytes) -> int | None:
    """The most characters between a dot and the end of its field; None where more than 18 digits.

    Also None where an e follows a digit or dot: there a number may have an exponent.
    """
    text = np.frombuffer(data, np.uint8)
    longest = 0
    for begin in range(0, len(text), CACHED):
        length = _longest_fraction(text[begin : begin + CACHED + 2 * SMALL])
        if length is None:
            return None
        longest = max(longest, length)
    return longest


def _longest_fraction(text: npt.NDArray[np.uint8]) -> int | None:
    if np.any(((text[1:] | LOWER) == E) & (text[:-1] - DOT < DOT_TO_NINE)):
        return None
    inside = (text != COMMA) & (text != NEWLINE)
    running = text == DOT
    for length in range(SMALL):
        running = running[:-1] & inside[length + 1 :]
        if not running.any():
            return length
    return None


def careful(data: bytes, header: list[str], first: int) -> pl.DataFrame:
    """Parse line by line, whatever the lines hold."""
    raw = rows_of_text(data, header, first)
    typed_columns = {
        "ticker": pl.col("ticker").fill_null(""),
        **{column: _exact(column, 0).cast(pl.Int64, strict=False) for column in WHOLE},
        **{column: _exact(column, MOST_DECIMALS) for column in DECIMALS},
    }
    return raw.select(
        LINE, *(typed_columns[name] for name in header if name in typed_columns), RAGGED
    )


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


def joined(frames: list[pl.DataFrame]) -> pl.DataFrame:
    """The slices as one frame. Prices share the smallest type that holds them all, volume another.

    That is DECIMAL(18, 4) for prices and DECIMAL(18, 0) for volume where it suffices, else more
    decimals, and 38 digits where 18 do not do.
    """
    widest = max((_decimal(frame["volume"]) for frame in frames), key=lambda type_: type_.scale)
    frame = pl.concat(_at(frame.drop(RAGGED, strict=False), widest) for frame in frames)
    price = smallest(frame.select(PRICES), PRICE_SCALE)
    volume = smallest(frame.select("volume"), VOLUME_SCALE)
    return frame.with_columns(pl.col(PRICES).cast(price), pl.col("volume").cast(volume))


def _at(frame: pl.DataFrame, type_: pl.Decimal) -> pl.DataFrame:
    same = _decimal(frame["volume"]) == type_
    return frame if same else frame.with_columns(pl.col(DECIMALS).cast(type_))


def _decimal(column: pl.Series) -> pl.Decimal:
    assert isinstance(column.dtype, pl.Decimal)  # noqa: S101
    return column.dtype


def smallest(values: pl.DataFrame, scale: int) -> pl.Decimal:
    """The smallest Decimal type from this scale on that holds every value of some columns.

    Args:
        values: columns of one Decimal type.
        scale: the least number of decimals.
    """
    type_ = _decimal(values.to_series())
    rest = values
    while scale < type_.scale:
        rounded = pl.all().cast(pl.Decimal(LARGE, scale))
        rest = rest.filter(pl.any_horizontal(pl.all() != rounded))
        if not len(rest):
            break
        scale += 1
    if type_.precision == SMALL:
        return pl.Decimal(SMALL, scale)
    extremes = values.select(pl.all().max().name.suffix(" max"), pl.all().min()).row(0)
    largest = max((abs(value) for value in extremes if value is not None), default=0)
    small = scale <= SMALL and largest < 10 ** (SMALL - scale)
    return pl.Decimal(SMALL if small else LARGE, scale)
