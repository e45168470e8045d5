"""What became of every day of an ingest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any

UP_TO_DATE = "up_to_date"
NOT_PUBLISHED = "not_published"
NOT_ENTITLED = "not_entitled"


@dataclass(frozen=True)
class Ingested:
    """A day that entered bronze: rows kept, rows quarantined, bytes of the source file."""

    dataset: str
    date: date
    rows: int
    quarantined: int
    bytes: int
    seconds: float


@dataclass(frozen=True)
class Skipped:
    """A day that was left alone, and why."""

    dataset: str
    date: date | None
    reason: str


@dataclass(frozen=True)
class Failed:
    """A day that went wrong; no date where the source could not be listed at all.

    `retry` says that it may go well when it is tried again with nothing changed.
    """

    dataset: str
    date: date | None
    error: str
    retry: bool = False


Outcome = Ingested | Skipped | Failed
Progress = Callable[[Outcome, int, int], None]


@dataclass
class IngestReport:
    """What became of every day, each list by data set and date."""

    ingested: list[Ingested] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    failed: list[Failed] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        """File an outcome under its kind."""
        if isinstance(outcome, Ingested):
            self.ingested.append(outcome)
        elif isinstance(outcome, Skipped):
            self.skipped.append(outcome)
        else:
            self.failed.append(outcome)

    def after(self, later: IngestReport) -> IngestReport:
        """This pass and a later one over the same days, as one."""
        done = {(item.dataset, item.date) for item in self.ingested}
        left = [item for item in later.skipped if (item.dataset, item.date) not in done]
        both = IngestReport(self.ingested + later.ingested, left, later.failed)
        both.sort()
        return both

    def sort(self) -> None:
        """Put each list in the order of data set and date."""
        for items in vars(self).values():
            items.sort(key=lambda item: (item.dataset, item.date or date.min))

    def as_dict(self) -> dict[str, list[dict[str, Any]]]:
        """The document of `ingest --json`; dates in ISO form."""
        return {name: [_plain(item) for item in items] for name, items in vars(self).items()}


def _plain(outcome: Outcome) -> dict[str, Any]:
    return asdict(outcome) | {"date": outcome.date.isoformat() if outcome.date else None}
