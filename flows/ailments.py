"""What of the lake's state somebody has to see to, each with the next command."""

from __future__ import annotations

from collections.abc import Iterator
from shlex import quote
from typing import Any

from flows.past import DONE_BY_RUN
from lake.layout import Layout

# Files below a MiB, and files with deleted rows, that a table may have before queries feel it.
SMALL_FILES, DELETE_FILES = 500, 200
# Days that the disk should last.
DISK_DAYS = 14


def problems_of(layout: Layout, system: dict[str, Any], pipeline: dict[str, Any]) -> list[str]:
    """The problems, the most urgent first.

    Args:
        layout: the lake.
        system: the block of that name in the status document.
        pipeline: likewise.
    """
    return [
        *_of_runs(layout, pipeline["runs"]),
        *_of_days(layout, pipeline["datasets"], pipeline["runs"]["source"]),
        *_of_files(pipeline["partition_health"]),
        *_of_disk(system),
    ]


def _of_runs(layout: Layout, runs: dict[str, Any]) -> Iterator[str]:
    if runs["killed"]:
        yield "the last run was killed; what it had done stays, the same command goes on from there"
    for run in runs["failing"]:
        why = f": {run['errors'][0]}" if run["errors"] else ""
        more = run.get("failed", 0) - 1
        why += f", and {more:,} more" if more > 0 else ""
        again = f"`quantmini {run['command']}`"
        if run["command"] in DONE_BY_RUN:
            again = "the same command again" if _option(runs["source"]) else "`quantmini run`"
        yield (
            f"the last `{run['command']}` failed at {run['at'][:16]}{why}; see "
            f"{layout.log('errors')}, then {again}"
        )


def _option(source: str | None) -> str:
    """The option of a lake that is fed from a folder: from elsewhere it would get other days."""
    return f" --source {quote(source)}" if source and source != "s3" else ""


def _of_days(
    layout: Layout, datasets: dict[str, dict[str, Any]], source: str | None
) -> Iterator[str]:
    if not any(facts["days"] for facts in datasets.values()):
        yield f"nothing is ingested in {layout.root}; run `quantmini run{_option(source)}`"
    for name, facts in datasets.items():
        last = facts["last_date"]
        if facts["sessions_behind"]:
            yield (
                f"{name}: {facts['sessions_behind']} sessions behind, bronze ends {last}; "
                f"run `quantmini run {name}{_option(source)}`"
            )
        if facts["missing"]:
            yield _of_gaps(name, facts, source)
        if last and facts["readable"] and facts["published_through"] != last:
            through = facts["published_through"]
            published = f"published through {through}" if through else "nothing is published"
            yield (
                f"{name}: {published}, bronze ends {last}; run `quantmini transform {name}` to see "
                "why"
            )


def _of_gaps(name: str, facts: dict[str, Any], source: str | None) -> str:
    """The dates keep the command from fetching all of history where single days were wanted."""
    first, last = facts["missing"][0], facts["missing"][-1]
    return (
        f"{name}: {len(facts['missing']):,} sessions missing between {facts['first_date']} and "
        f"{facts['last_date']}, the first {first}; run `quantmini run {name} --start {first} "
        f"--end {last}{_option(source)}`"
    )


def _of_files(tables: dict[str, dict[str, int]]) -> Iterator[str]:
    for name, files in tables.items():
        if files["small_files"] > SMALL_FILES or files["delete_files"] > DELETE_FILES:
            yield (
                f"{name}: {files['small_files']:,} small files, {files['delete_files']:,} with "
                "deleted rows; run `quantmini maintain compact`"
            )


def _of_disk(system: dict[str, Any]) -> Iterator[str]:
    days = system["days_until_full"]
    if days is not None and days < DISK_DAYS:
        yield (
            f"the disk is full in {days} days at {system['bytes_per_session'] / 1e6:,.1f} MB a "
            "session; free some, or see what `quantmini maintain archive` and processing."
            "keep_landing can do"
        )
