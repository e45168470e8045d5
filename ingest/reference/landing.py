"""Landed syncs: a folder each, with what was asked and the answers as they came.

A sync that was broken off is continued where its pages end. A finished one is kept for as long as
the table holds rows of it: a full sync replaces all before it, an incremental one those that asked
for the same span or less. As spans start with a month, that leaves one full sync and at most one
incremental a month.
"""

from __future__ import annotations

import gzip
import re
import shutil
import zlib
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from ingest.reference.answers import following, page
from ingest.reference.queries import Query
from lake.files import read_json, replacing, write_json

# Raise it when a table's columns or meaning change: the next sync then fetches everything.
VERSION = 1
# Pages of one answer should not lie further apart: rows move between pages as time goes by.
CONTINUED_FOR = timedelta(days=7)
PLAN = "sync.json"


@dataclass(frozen=True)
class Sync:
    """One sync of one table.

    Attributes:
        folder: of its pages.
        since: first date that it asks for; None for everything.
        started: the day it began.
        queries: what it asks.
        done: whether the table was made from it.
    """

    folder: Path
    since: date | None
    started: date
    queries: tuple[Query, ...]
    done: bool = False

    def pages(self, query: Query) -> list[Path]:
        """The landed pages of a query, in order."""
        return sorted(self.folder.glob(f"{query.name}-*.json.gz"))

    def all_pages(self) -> list[tuple[Path, Query]]:
        """Every landed page, in the order it was fetched in."""
        return [(path, query) for query in self.queries for path in self.pages(query)]

    def save(self) -> None:
        """Write down what is asked, before the first page is."""
        known = asdict(self) | {"version": VERSION}
        write_json(self.folder / PLAN, {k: v for k, v in known.items() if k != "folder"})

    def finish(self) -> None:
        """Note that the table is made from it."""
        replace(self, done=True).save()


def read(folder: Path) -> Sync | None:
    """The sync of a folder; None where it says nothing that this version understands."""
    try:
        known: dict[str, Any] = read_json(folder / PLAN)
        return (
            Sync(
                folder,
                date.fromisoformat(known["since"]) if known["since"] else None,
                date.fromisoformat(known["started"]),
                tuple(Query(**query) for query in known["queries"]),
                known["done"],
            )
            if known["version"] == VERSION
            else None
        )
    except (KeyError, TypeError, ValueError):
        return None


def known_syncs(landing: Path) -> list[Sync]:
    """A table's syncs, oldest first. Folders of another form are left alone."""
    folders = [path for path in sorted(landing.glob("*")) if re.match(r"\d{5}-", path.name)]
    return [found for folder in folders if (found := read(folder)) is not None]


def begin(landing: Path, since: date | None, today: date, asked: list[Query]) -> Sync:
    """A new sync after all others; broken ones before it will not be continued, and go."""
    folders = [path for path in landing.glob("*") if re.match(r"\d{5}-", path.name)]
    number = max((int(path.name[:5]) for path in folders), default=0) + 1
    for folder in folders:
        found = read(folder)
        if found is None or not found.done:
            shutil.rmtree(folder)
    name = f"{number:05}-{today}" + (f"-since-{since}" if since else "")
    sync = Sync(landing / name, since, today, tuple(asked))
    sync.save()
    return sync


def unfinished(syncs: list[Sync], today: date, *, full: bool, events: list[str]) -> Sync | None:
    """The broken sync to continue: the last one, if it is recent and asks for no less."""
    last = syncs[-1] if syncs else None
    if last is None or last.done or today - last.started > CONTINUED_FOR:
        return None
    if full and last.since:
        return None
    if events and [query.asked for query in last.queries] != events:
        return None
    for leftover in last.folder.glob(".*.tmp"):
        leftover.unlink()
    return last


def replaced(landing: Path, newest: Sync, *, whole: bool) -> list[Sync]:
    """The finished syncs that a table holds no row of once it is made from the newest."""
    older = [sync for sync in known_syncs(landing) if sync.folder.name < newest.folder.name]
    return [sync for sync in older if whole or _covers(newest, sync)]


def _covers(newer: Sync, older: Sync) -> bool:
    """Whether an incremental sync asked for all that an older incremental one did."""
    if newer.since or older.since:
        return bool(newer.since and older.since and newer.since <= older.since)
    return {query.asked for query in older.queries} <= {query.asked for query in newer.queries}


def discard(sync: Sync) -> None:
    """Delete a sync. What a crash leaves of it says nothing any more, and goes with the next."""
    (sync.folder / PLAN).unlink(missing_ok=True)
    shutil.rmtree(sync.folder)


def store(sync: Sync, query: Query, number: int, body: bytes) -> None:
    """Land a page, whole or not at all."""
    with replacing(sync.folder / f"{query.name}-{number:06}.json.gz") as temporary:
        temporary.write_bytes(gzip.compress(body, 6, mtime=0))


def where_it_ends(sync: Sync, query: Query) -> tuple[int, str | None]:
    """How many pages of a query are landed, and the target of the next; None after the last.

    A page that cannot be read any more counts as missing, with all after it.
    """
    pages = sync.pages(query)
    while pages and not readable(pages[-1]):
        pages.pop().unlink()
    if not pages:
        return 0, query.target
    return len(pages), following(_document(pages[-1]))


def readable(path: Path) -> bool:
    """Whether a landed page is still what it was."""
    try:
        following(_document(path))
    except (OSError, EOFError, ValueError, zlib.error):
        return False
    return True


def _document(path: Path) -> dict[str, Any]:
    return page(gzip.decompress(path.read_bytes()))
