"""Which sessions a data set should have by now, and which of them it lacks."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from lake.calendar import sessions

# The vendor has finished a session's files by 11:00 in New York on the day after it, 16:00 UTC at
# the latest; an hour for our own run.
PUBLISHED_AFTER = timedelta(days=1, hours=17)


def due_sessions(now: datetime) -> list[date]:
    """The sessions whose files the vendor has finished, oldest first."""
    # Comparing in Arrow would import pandas, which takes longer than all the rest.
    finished = now.astimezone(UTC) - PUBLISHED_AFTER
    days: list[date] = sessions()["date"].to_pylist()
    return [day for day in days if datetime(day.year, day.month, day.day, tzinfo=UTC) <= finished]


def sessions_behind(days: list[date], due: list[date]) -> int | None:
    """How many due sessions are missing behind the last of some days; None where there is none."""
    return sum(day > days[-1] for day in due) if days else None


def sessions_inside(days: list[date], due: list[date]) -> list[date]:
    """The due sessions between the first and last of some days that are not among them."""
    known = set(days)
    return [day for day in due if days and days[0] < day < days[-1] and day not in known]
