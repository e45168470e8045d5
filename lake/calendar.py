"""The exchange calendar: XNYS sessions with their early closes, from exchange_calendars."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow as pa

from lake.files import replacing

# The vendor's flat files begin in September 2003; the library's default window is 20 years only.
FIRST_SESSION = "2000-01-03"
CACHE = Path("~/.cache/quantmini")
SCHEMA = pa.schema(
    [
        ("date", pa.date32()),
        ("open", pa.timestamp("us", "UTC")),
        ("close", pa.timestamp("us", "UTC")),
    ]
)


@cache
def exchange() -> Any:
    """The XNYS calendar. Importing it takes a second, so it waits until it is needed."""
    import exchange_calendars

    return exchange_calendars.get_calendar("XNYS", start=FIRST_SESSION)


def sessions() -> pa.Table:
    """Every session up to about a year ahead: `date` (date32), `open`, `close` (us, UTC).

    The library takes seconds to import, so its answer is kept for a month: its version and the
    month are in the file's name, and a month later it would still reach most of a year ahead.
    Where it cannot be kept or read again, as without a home that is writable, it is asked anew.
    """
    try:
        return _kept_sessions()
    except (OSError, RuntimeError, pa.ArrowInvalid):
        return exchange_schedule()


def write_sessions(path: Path) -> None:
    """Leave the sessions as Parquet for dbt, which has nobody to ask on Spark."""
    import pyarrow.parquet as pq

    known = sessions()
    # `pq.read_table` would import pandas, half a second.
    with suppress(FileNotFoundError, pa.ArrowException):
        if pq.ParquetFile(path).read().equals(known):
            return
    with replacing(path) as temporary:
        pq.write_table(known, temporary)


def _kept_sessions() -> pa.Table:
    month = datetime.now(UTC).strftime("%Y-%m")
    kept = CACHE.expanduser() / f"xnys-{version('exchange_calendars')}-{month}.arrow"
    if not kept.exists():
        with replacing(kept) as temporary, pa.ipc.new_file(temporary, SCHEMA) as writer:
            writer.write_table(exchange_schedule())
    with pa.memory_map(str(kept)) as source:
        return pa.ipc.open_file(source).read_all()


@cache
def exchange_schedule() -> pa.Table:
    """The sessions as the library gives them."""
    schedule = exchange().schedule
    columns = [schedule.index.date, schedule["open"], schedule["close"]]
    return pa.table(columns, schema=SCHEMA)
