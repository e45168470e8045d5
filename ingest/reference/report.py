"""What became of every table of a sync."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Synced:
    """A table that is up to date.

    Attributes:
        rows: that the table holds now.
        quarantined: rows of this sync that were rejected.
        duplicates: exact copies among the rows of this sync, dropped.
        pages: answers that this sync consists of, also those that an earlier call had landed.
        seconds: that this call took.
        full: whether everything was fetched.
    """

    table: str
    rows: int
    quarantined: int
    duplicates: int
    pages: int
    seconds: float
    full: bool


@dataclass(frozen=True)
class Failed:
    """A table that stays as it was. Answers that came are kept for the next call."""

    table: str
    error: str


@dataclass
class SyncReport:
    """What became of every table, in the order they were asked for."""

    synced: list[Synced] = field(default_factory=list)
    failed: list[Failed] = field(default_factory=list)

    def as_dict(self) -> dict[str, list[dict[str, Any]]]:
        """The document of `reference sync --json`."""
        return asdict(self)
