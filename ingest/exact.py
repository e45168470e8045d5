"""Prices and volumes as whole counts of a decimal unit: exact, and half the size of Decimals."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from ingest.flatfile import LINE, PRICES, RAGGED

# Storage that every price and volume of the past fitted; a file that needs more gets more.
PRICE_SCALE = 4
VOLUME_SCALE = 0
# 18 digits are what Parquet holds in an INT64.
SMALL = 18
# A double is nearest to one text of this many counts only, and rounding finds it again.
EXACT = 2.0**50
# Decimals that such counts can take up and still fit 18 digits.
SPARE = 2
COMMA, DOT, UPPER_E, LOWER_E = b",.Ee"
DOT_TO_NINE = 12
# Bytes that stay in the processor's cache while they are looked at several times.
CACHED = 1 << 17

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Slice:
    """Typed rows of some lines.

    Attributes:
        rows: `line_number`, `ticker`, `window_start` (ns), `transactions`, prices and volume, and
            `ragged` where a line is. Null where the text is not such a number.
        scales: decimals of prices and of volume where those columns are whole counts (Int64) of
            that unit; None where they are Decimals.
    """

    rows: pl.DataFrame
    scales: tuple[int, int] | None

    @cached_property
    def begins(self) -> npt.NDArray[np.bool_]:
        """True for each row whose ticker differs from the row's before it."""
        tickers = self.rows["ticker"]
        changes = (tickers[1:] != tickers[:-1]).to_numpy()
        return np.concatenate([np.ones(min(len(tickers), 1), np.bool_), changes])

    @cached_property
    def names(self) -> pl.Series:
        """The tickers of those rows."""
        return self.rows["ticker"].filter(pl.Series(self.begins))

    def without(self, lines: pl.Series) -> Slice:
        """The slice less the rows of these line numbers."""
        return Slice(self.rows.filter(~pl.col(LINE).is_in(lines.implode())), self.scales)

    def at(self, price: int, volume: int) -> Slice:
        """The same in units of so many decimals, at most `SPARE` more than its own."""
        assert self.scales is not None  # noqa: S101
        if self.scales == (price, volume):
            return self
        more = 10 ** (price - self.scales[0]), 10 ** (volume - self.scales[1])
        rows = self.rows.with_columns(pl.col(PRICES) * more[0], pl.col("volume") * more[1])
        return Slice(rows, (price, volume))

    def decimals(self) -> pl.DataFrame:
        """The rows with prices and volume as Decimals."""
        if self.scales is None:
            return self.rows.drop(RAGGED, strict=False)
        price, volume = self.scales
        scales = dict.fromkeys(PRICES, price) | {"volume": volume}
        return self.rows.with_columns(
            pl.Series(name, decimal_array(self.rows[name].to_numpy(), scale))
            for name, scale in scales.items()
        )


def decimal_array(counts: Counts, scale: int) -> pa.Array:
    """Counts as decimal64(18, scale), without a copy."""
    buffer = pa.py_buffer(np.ascontiguousarray(counts))
    return pa.Array.from_buffers(pa.decimal64(SMALL, scale), len(counts), [None, buffer])


def counted(frame: pl.DataFrame, longest: int) -> Slice | None:
    """Numbers read as doubles become counts of the smallest unit that holds them.

    Args:
        frame: prices and volume as Float64, the double nearest to each text.
        longest: the most decimals that a text has.

    Returns:
        None where a double is too large to tell its text, infinite or no number.
    """
    prices = _counts([frame[name] for name in PRICES], longest, PRICE_SCALE)
    volume = _counts([frame["volume"]], longest, VOLUME_SCALE)
    if prices is None or volume is None:
        return None
    columns = dict(zip((*PRICES, "volume"), (*prices[0], *volume[0]), strict=True))
    rows = pl.DataFrame(
        [
            pl.Series(each.name, columns[each.name]) if each.name in columns else each
            for each in frame.get_columns()
        ]
    )
    return Slice(rows, (prices[1], volume[1]))


def _counts(columns: list[pl.Series], longest: int, least: int) -> tuple[list[Counts], int] | None:
    """Counts of columns that share a unit, and its decimals, at least so many."""
    doubles = [column.to_numpy() for column in columns]
    scale = max(longest, least)
    largest = EXACT / 10.0**scale
    # Not a number fails both comparisons.
    if not all(d.max(initial=0) < largest and d.min(initial=0) > -largest for d in doubles):
        return None
    if all(bool(np.all(np.rint(double) == double)) for double in doubles):
        scale = least
    found = [np.rint(double * 10.0**scale).astype(np.int64) for double in doubles]
    while scale > least and not any(np.any(counts % 10) for counts in found):
        found = [counts // 10 for counts in found]
        scale -= 1
    return found, scale


def longest_fraction(data: bytes) -> int | None:
    """The most characters between a dot and the end of its field; None where more than 18 digits.

    Also None where an e follows a digit or dot: there a number may have an exponent.
    """
    text = np.frombuffer(data, np.uint8)
    # Small letters are rare in tickers, so that a search for one byte mostly settles it.
    if b"e" in data and _exponent(text, LOWER_E):
        return None
    longest = 0
    for begin in range(0, len(text), CACHED):
        length = _longest_fraction(text[begin : begin + CACHED + 2 * SMALL])
        if length is None:
            return None
        longest = max(longest, length)
    return longest


def _longest_fraction(text: npt.NDArray[np.uint8]) -> int | None:
    if _exponent(text, UPPER_E):
        return None
    # Of what may stand in a number, digits, dot and minus lie above the comma; a plus can follow
    # an e only, and control characters end a field or make it none.
    inside = text > COMMA
    running = text == DOT
    for length in range(SMALL):
        running = running[:-1] & inside[length + 1 :]
        if not running.any():
            return length
    return None


def _exponent(text: npt.NDArray[np.uint8], letter: int) -> bool:
    places = np.flatnonzero(text == letter)
    before = text[places[places > 0] - 1]
    return bool(np.any(before - DOT < DOT_TO_NINE))
