"""A range of past days, month by month, each in bronze before the next is fetched.

It can be stopped at any time and asked for again: a month that is done costs a listing. Silver is
built whenever enough rows wait, so that a month of minutes is built by itself and years of day bars
together; dbt's start costs more than a month of those. Gold follows at the end: days before a
store's first rewrite every series (docs/decisions/002), which is better done once.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field, replace
from datetime import date, timedelta
from typing import Any

from flows.exporting import export_stage
from flows.gate import Gate
from flows.ingesting import ingest_stage
from flows.progress import call
from flows.recording import Step, recorded
from flows.request import Request
from flows.transform import transform_stage
from ingest.report import IngestReport
from lake import catalog
from lake.datasets import DATASETS
from lake.errors import UsageError
from lake.lock import writing

BUILD_ROWS = 10_000_000
# Seconds in which a process that waits for the lake takes its turn.
PAUSE = 0.2

Turn = Callable[[], AbstractContextManager[None]]
OnMonth = Callable[[int, int, str], None]


def months(start: date, end: date) -> list[tuple[date, date]]:
    """The range cut where months end, oldest first."""
    found = []
    while start <= end:
        next_month = (start.replace(day=1) + timedelta(days=32)).replace(day=1)
        found.append((start, min(end, next_month - timedelta(days=1))))
        start = next_month
    return found


@dataclass
class Backfill:
    """What the months so far came to; `waiting` rows are in bronze and not yet in silver."""

    report: IngestReport = field(default_factory=IngestReport)
    gate: Gate = field(default_factory=lambda: Gate({}))
    gold: list[dict[str, Any]] = field(default_factory=list)
    waiting: int = 0

    def month(self, asked: Request, step: Step, *, last: bool) -> bool:
        """Take one month through the chain; False where the source cannot be asked any more."""
        bounds = asked.settings.limits()
        report = step("ingest", ingest_stage, asked, bounds)
        self._ingested(report)
        lost = {item.dataset for item in report.failed if item.date is None}
        reachable = lost != {dataset.name for dataset in asked.datasets}
        ends, off = last or not reachable, asked.switched_off
        if "silver" not in off and (ends or self.waiting >= BUILD_ROWS):
            self._built(step("transform", transform_stage, asked, bounds))
        if "gold" not in off and ends:
            self.gold = step("export", export_stage, asked, bounds)
        return reachable

    def _ingested(self, month: IngestReport) -> None:
        """Add a month. What is said of a data set as a whole is said once."""
        self.waiting += sum(day.rows for day in month.ingested)
        for items, more in zip(vars(self.report).values(), vars(month).values(), strict=True):
            items += [item for item in more if item.date or item not in items]

    def _built(self, gate: Gate) -> None:
        """Take the newest verdict on each data set, with its failures, and all that was said.

        What is made of data sets, as a week's bars, has a verdict only where it failed.
        """
        self.waiting = 0
        now = {name: verdict for name, verdict in gate.verdicts.items() if verdict != "unchanged"}
        before = self.gate
        old = {n: v for n, v in before.verdicts.items() if n in DATASETS or not now}
        self.gate = Gate(
            gate.verdicts | old | now,
            [f for f in before.failures if f["dataset"] in old.keys() - now] + gate.failures,
            before.warnings + gate.warnings,
            before.written + gate.written,
        )


def run_months(
    asked: Request,
    step: Step = call,
    turn: Turn = nullcontext,
    on_month: OnMonth = lambda _done, _total, _month: None,
) -> dict[str, Any]:
    """Everything missing in the range of the request, through the whole chain.

    The lake is free between two months, so that a nightly run need not wait for years.

    Args:
        asked: has a start and an end.
        step: runs a stage.
        turn: held while the lake is written to, beside its lock.
        on_month: called after each month with the months done, their total and its name.

    Returns:
        The document of `run`, and `months`: which are `done` and, where no data set could be
        listed any more, which are `left`.
    """
    if asked.start is None or asked.end is None:
        raise UsageError("a backfill needs a first and a last day: --start and --end")
    parts = months(asked.start, asked.end)
    names = [f"{first:%Y-%m}" for first, _ in parts]
    with recorded(asked.settings, asked.command, asked.datasets, asked.source) as recording:
        work, done = Backfill(), 0
        for name, (first, last) in zip(names, parts, strict=True):
            part = replace(asked, start=first, end=last, wait=asked.wait or done > 0)
            measured = recording.measured(dated(step, name))
            with turn(), writing(asked.layout, asked.datasets, wait=part.wait):
                if not work.month(part, measured, last=name == names[-1]):
                    break
            done += 1
            on_month(done, len(names), name)
            time.sleep(PAUSE if done < len(names) else 0)
        work.report.sort()
        return recording.outcome(
            {
                **work.report.as_dict(),
                "switched_off": asked.switched_off,
                "gate": asdict(work.gate),
                "published": catalog.published(asked.layout),
                "gold": work.gold,
                "months": {"done": names[:done], "left": names[done:]},
            }
        )


def dated(step: Step, month: str) -> Step:
    """The step, which a person sees with the month."""

    def named(name: str, function: Callable[..., Any], *arguments: Any) -> Any:
        return step(f"{name} {month}", function, *arguments)

    return named
