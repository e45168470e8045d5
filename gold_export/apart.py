"""A range of instruments written by another process than the one that exports."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from gold_export import calendars, factors
from gold_export.ranges import Range, write
from gold_export.selection import frequency, registered
from lake import catalog
from lake.catalog import Published
from lake.layout import Layout


def write_apart(
    layout: Layout,
    served: Mapping[str, Published],
    part: Range,
    folder: Path,
    adjustment: str,
    memory_limit: str,
    threads: int,
) -> int:
    """The same as `ranges.write`, on a connection of its own.

    Args:
        layout: the lake.
        served: the tables of silver that the store is made from, as the exporting process saw them.
        part: the range.
        folder: the version.
        adjustment: as of `ExportOptions`; used where the range says that prices are adjusted.
        memory_limit: DuckDB's.
        threads: DuckDB's.

    Returns:
        Instruments written.
    """
    sessions = calendars.as_table(calendars.sessions(*part.sessions), frequency(part.dataset))
    with catalog.connect(layout, memory_limit, threads, in_order=False, served=served) as con:
        found = factors.read(con, adjustment if part.adjusted else "none")
        with registered(con, gold_sessions=sessions, gold_factors=found):
            return write(con, part, folder, again=True)
