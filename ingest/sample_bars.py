"""Bars of the sample market: its sessions, and what instruments do in one cut into bars.

Prices are whole ten-thousandths of a dollar and volumes whole ten-thousandths of a share until they
are written, so that sums and comparisons are exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lake.calendar import exchange

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

UNIT = 10_000
NEW_YORK = ZoneInfo("America/New_York")

# Minutes counted from 04:00 New York, when the first bar of a day can start.
SLOTS = 960
OPENING = 330


@dataclass(frozen=True)
class Session:
    """One trading day; `closing` is the minute of the close, counted from 04:00 New York."""

    day: date
    closing: int

    def starts(self, hour: int) -> int:
        """Nanoseconds since the epoch, UTC, of this hour of the day in New York."""
        start = datetime.combine(self.day, time(hour), NEW_YORK).astimezone(UTC)
        return int(start.timestamp()) * 1_000_000_000


def trading_days(first: date, sessions: int) -> list[Session]:
    """XNYS sessions from `first` on, some weeks more than asked for: options expire in them."""
    last = first + timedelta(days=sessions * 3 // 2 + 70)
    closes = exchange().closes[exchange().sessions_in_range(first, last)]
    return [
        Session(day.date(), (close.tz_convert(NEW_YORK).hour - 4) * 60)
        for day, close in closes.items()
    ]


@dataclass(frozen=True)
class Lines:
    """What n instruments do within one session, before it is cut into bars.

    `price` is (n, SLOTS + 1) in USD: bar t opens at [t] and closes at [t + 1]. `chance` of a bar is
    (n, SLOTS). The rest is (n,); `wobble` is how far high and low reach, as a share of the price.
    """

    tickers: list[str]
    price: Floats
    chance: Floats
    wobble: Floats
    size: Floats
    tick: Integers
    lot: Integers


def sample_bars(rng: np.random.Generator, lines: Lines, session: Session) -> pl.DataFrame:
    """Minute bars in the order of the lines, with `regular` beside the vendor's columns."""
    rows, slots = np.nonzero(rng.random(lines.chance.shape) < lines.chance)
    tick, lot = lines.tick[rows], lines.lot[rows]
    opened = on_grid(lines.price[rows, slots] * UNIT, tick)
    closed = on_grid(lines.price[rows, slots + 1] * UNIT, tick)
    reach = np.abs(rng.standard_normal((2, rows.size))) * lines.wobble[rows] * closed
    above, below = (reach // tick).astype(np.int64) * tick
    volume = on_grid(lines.size[rows] * rng.lognormal(0, 0.8, rows.size) * UNIT, lot)
    return pl.DataFrame(
        {
            "ticker": pl.Series(lines.tickers, dtype=pl.String).gather(rows),
            "volume": volume,
            "open": opened,
            "close": closed,
            "high": np.maximum(opened, closed) + above,
            "low": np.maximum(np.minimum(opened, closed) - below, tick),
            "window_start": session.starts(hour=4) + slots * 60_000_000_000,
            "transactions": 1 + volume // (100 * UNIT),
            "regular": (slots >= OPENING) & (slots < session.closing),
        }
    )


def on_grid(values: Floats, step: Integers) -> Integers:
    """The nearest multiples of each step, at least one step."""
    return np.maximum(np.rint(values / step).astype(np.int64), 1) * step


def day_bars(minutes: pl.DataFrame, session: Session) -> pl.DataFrame:
    """Day bars of the regular session's minutes."""
    return (
        minutes.filter("regular")
        .group_by("ticker", maintain_order=True)
        .agg(
            pl.col("volume").sum(),
            pl.col("open").first(),
            pl.col("close").last(),
            pl.col("high").max(),
            pl.col("low").min(),
            pl.lit(session.starts(hour=0)).alias("window_start"),
            pl.col("transactions").sum(),
        )
    )
