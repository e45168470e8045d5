"""The sync of one table: plan or continue, fetch what is missing, build, publish, tidy."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from ingest.reference import landing
from ingest.reference.answers import Refused
from ingest.reference.api import Answer, Api
from ingest.reference.build import build
from ingest.reference.landing import Sync
from ingest.reference.queries import Query, queries, window
from ingest.reference.report import Synced
from ingest.reference.tables import TICKER_EVENTS, Table
from lake.errors import BadData, CorruptFile, SourceUnavailable
from lake.layout import Layout
from lake.lock import writing

log = logging.getLogger(__name__)

Progress = Callable[[str, int], None]
ABSENT = b'{"status": "NOT_FOUND", "results": null}'


@dataclass(frozen=True)
class Job:
    """One table's sync; the attributes are those of `sync`."""

    layout: Layout
    api: Api
    table: Table
    today: date
    full: bool
    events: list[str]
    memory_limit: str
    threads: int
    on_page: Progress | None

    def run(self) -> Synced:
        """Bring the table up to date.

        Raises:
            QuantminiError: it stays as it was; the message says what to do.
        """
        continued = self._continued()
        outcome = self._complete(continued or self._begun())
        if continued is None or continued.started == self.today:
            return outcome
        # What the vendor published since then is not in it.
        return replace(self, full=False).run()

    def _complete(self, current: Sync) -> Synced:
        began = time.perf_counter()
        for query in current.queries:
            self._fetch(current, query)
        rows, quarantined, duplicates = self._publish(current)
        seconds, pages = time.perf_counter() - began, len(current.all_pages())
        whole = self._is_whole(current)
        return Synced(self.table.name, rows, quarantined, duplicates, pages, seconds, whole)

    def _continued(self) -> Sync | None:
        """The sync that was broken off, where there is one to go on with."""
        syncs = landing.known_syncs(self._landing)
        found = landing.unfinished(syncs, self.today, full=self.full, events=self._asked)
        if found:
            log.info("%s: continuing %s", self.table.name, found.folder.name)
        return found

    def _begun(self) -> Sync:
        """A new sync: of everything, or from the overlap with the last one on."""
        since = None
        finished = [sync for sync in landing.known_syncs(self._landing) if sync.done]
        landed = any(self.layout.reference(self.table.name).glob("*.parquet"))
        if self.table.overlap and finished and landed and not self.full:
            since = window(self.table, finished[-1].started)
        asked = queries(self.table, since, self._asked)
        return landing.begin(self._landing, since, self.today, asked)

    def _fetch(self, current: Sync, query: Query) -> None:
        """Land the pages of a query that are missing."""
        number, target = landing.where_it_ends(current, query)
        seen = set()
        while target is not None:
            if target in seen:
                raise SourceUnavailable(f"{self.table.name}: the pages go in a circle; run again")
            seen.add(target)
            number += 1
            what = f"{self.table.name}, page {number} of {query.name}"
            answer = self._page(current, query, target, what, later=number > 1)
            landing.store(current, query, number, answer.body)
            target = answer.next
            if self.on_page:
                self.on_page(f"{self.table.name}, {query.name}", number)

    def _page(self, current: Sync, query: Query, target: str, what: str, *, later: bool) -> Answer:
        try:
            return self.api.get(target, what)
        except Refused as error:
            if error.status == 404 and query.may_be_absent and not later:
                log.warning("%s: the vendor knows no ticker %s", self.table.name, query.asked)
                return Answer(ABSENT, None)
            if later:
                # The address of a later page may have become invalid; only the first one is ours.
                landing.discard(current)
                raise SourceUnavailable(
                    f"{what}: refused with {error.status}; run again, it begins anew"
                ) from None
            raise

    def _publish(self, current: Sync) -> tuple[int, int, int]:
        """Build the table, put it in place, and let go of the syncs that this one replaces."""
        whole = self._is_whole(current)
        replaced = landing.replaced(self._landing, current, whole=whole)
        known = landing.known_syncs(self._landing)
        with writing(self.layout):
            try:
                draft = build(
                    self.layout,
                    self.table,
                    current,
                    standing=[sync.folder.name for sync in known if sync not in replaced],
                    whole=whole,
                    may_empty=self.full,
                    memory_limit=self.memory_limit,
                    threads=self.threads,
                )
            except (BadData, CorruptFile):
                # Built again it would fail again; the next call fetches it anew.
                landing.discard(current)
                raise
            draft.publish()
            current.finish()
        for older in replaced:
            landing.discard(older)
        return draft.rows, draft.quarantined, draft.duplicates

    def _is_whole(self, current: Sync) -> bool:
        return current.since is None and self.table.name != TICKER_EVENTS.name

    @property
    def _asked(self) -> list[str]:
        return self.events if self.table.name == TICKER_EVENTS.name else []

    @property
    def _landing(self) -> Path:
        return self.layout.api_landing(self.table.name)
