"""Trading sessions and minutes of the exchange: the axis of every Qlib series.

From the exchange calendar and never from the data, so that one stray row cannot add a day.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache, lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from lake import calendar

Frequency = Literal["day", "1min"]
_NEW_YORK = ZoneInfo("America/New_York")


@dataclass(frozen=True)
class Sessions:
    """Consecutive sessions, S of them, in order.

    Attributes:
        dates: (S,) datetime64[D].
        opens: (S,) int64, microseconds since the epoch, UTC, of the opening bell.
        local_opens: (S,) datetime64[s], the same instants as New York wall-clock time.
        minutes: (S,) int64, minutes of regular trading: 390, fewer on an early close.
    """

    dates: npt.NDArray[np.datetime64]
    opens: npt.NDArray[np.int64]
    local_opens: npt.NDArray[np.datetime64]
    minutes: npt.NDArray[np.int64]

    def part(self, start: int, stop: int) -> Sessions:
        """The sessions `start` to `stop - 1`."""
        cut = slice(start, stop)
        return Sessions(self.dates[cut], self.opens[cut], self.local_opens[cut], self.minutes[cut])


@cache
def _schedule() -> pa.Table:
    """Every session the exchange calendar knows; taking it out of pandas costs 20 ms."""
    return calendar.sessions()


@lru_cache(maxsize=8)
def sessions(first: date, last: date) -> Sessions:
    """The sessions of the New York Stock Exchange from `first` to `last`, both included.

    Kept, since an update asks several times for the same ones: 5 ms for five years.
    """
    table = _schedule()
    days = pc.and_(pc.greater_equal(table["date"], first), pc.less_equal(table["date"], last))
    table = table.filter(days)
    opens = table["open"].to_numpy().astype("datetime64[us]")
    closes = table["close"].to_numpy().astype("datetime64[us]")
    local = [
        moment.astimezone(_NEW_YORK).replace(tzinfo=None) for moment in table["open"].to_pylist()
    ]
    return Sessions(
        dates=table["date"].to_numpy().astype("datetime64[D]"),
        opens=opens.astype(np.int64),
        local_opens=np.array(local, "datetime64[s]"),
        minutes=(closes - opens) // np.timedelta64(1, "m"),
    )


def following(part: Sessions, count: int) -> Sessions:
    """The sessions after the last of `part`, at most `count` of them."""
    last: date = part.dates[-1].item()
    return sessions(last + timedelta(days=1), last + timedelta(days=count * 2 + 10)).part(0, count)


def offsets(part: Sessions, frequency: Frequency) -> npt.NDArray[np.int64]:
    """(S + 1,): the calendar index of each session's first entry, then the number of entries."""
    sizes = part.minutes if frequency == "1min" else np.ones_like(part.minutes)
    return np.concatenate([[0], np.cumsum(sizes)])


def times(part: Sessions, frequency: Frequency) -> npt.NDArray[np.datetime64]:
    """The calendar's entries as datetime64[s]: dates, or New York wall-clock starts of minutes."""
    if frequency == "day":
        return part.dates.astype("datetime64[s]")
    start = np.repeat(offsets(part, "1min")[:-1], part.minutes)
    seconds = 60 * (np.arange(start.size) - start)
    opens = np.repeat(part.local_opens.astype(np.int64), part.minutes)
    return (opens + seconds).astype("datetime64[s]")


def stamps(moments: npt.NDArray[np.datetime64], frequency: Frequency) -> list[str]:
    """Text as Qlib writes it: `2024-07-03` for day, `2024-07-03 12:59:00` for 1min."""
    texts = np.datetime_as_string(moments.astype("M8[D]" if frequency == "day" else "M8[s]"))
    return [text.replace("T", " ") for text in texts.tolist()]


def as_table(part: Sessions, frequency: Frequency) -> pa.Table:
    """Columns date, slot (index of the session's first entry), open_us, minutes; S rows."""
    return pa.table(
        {
            "date": pa.array(part.dates),
            "slot": offsets(part, frequency)[:-1],
            "open_us": part.opens,
            "minutes": part.minutes,
        }
    )
