"""The exchange calendar: XNYS sessions with their early closes, from exchange_calendars."""

from __future__ import annotations

from functools import cache
from typing import Any

import pyarrow as pa

# The vendor's flat files begin in September 2003; the library's default window is 20 years only.
FIRST_SESSION = "2000-01-03"


@cache
def exchange() -> Any:
    """The XNYS calendar. Importing it takes a second, so it waits until it is needed."""
    import exchange_calendars

    return exchange_calendars.get_calendar("XNYS", start=FIRST_SESSION)


def sessions() -> pa.Table:
    """Every session: `date` (date32), `open` and `close` (timestamp us, UTC)."""
    schedule = exchange().schedule
    return pa.table(
        {
            "date": pa.array(schedule.index.date, pa.date32()),
            "open": pa.array(schedule["open"], pa.timestamp("us", "UTC")),
            "close": pa.array(schedule["close"], pa.timestamp("us", "UTC")),
        }
    )
