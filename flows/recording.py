"""Keeping a record of each command that writes, and of its stages (lake.records).

`runs`: command, datasets, source (`s3` or a folder, of a command that ingests), run (an id), exit,
seconds, days, rows, quarantined, failed, errors, unavailable (days inside a data set's history that
the source did not give), gate, warnings. A command that ends in an error has its record too; one
that is killed has none, and leaves the writer's pid file instead, by which `quantmini status`
knows.

`stages`: run, stage, rows, bytes, seconds, rows_per_second and peak_rss_bytes of the whole stage;
then, with `dataset`, `table` or `store`, those of its parts. Parts run at the same time, so their
seconds are no sum.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from flows.logs import RUNS, logged, secrets, without
from flows.peak import Peak
from flows.profiling import profiled
from flows.summary import complaints, has_failed
from ingest.report import UP_TO_DATE
from lake import records
from lake.datasets import DATASETS, Dataset
from lake.errors import QuantminiError, UsageError
from lake.files import named
from lake.layout import Layout
from lake.settings import Settings

# Errors that a record keeps, and characters of each.
SHOWN, LENGTH = 5, 300

Step = Callable[..., Any]


class Recording:
    """One command under way."""

    def __init__(
        self, settings: Settings, command: str, datasets: Iterable[Dataset], source: str | None
    ) -> None:
        """Begin the record of a command about some data sets, from a source where it takes any."""
        self.layout, self.command, self.run = settings.lake.layout(), command, uuid.uuid4().hex
        if source and source != "s3":
            # Whoever reads the record may be in another folder.
            source = str(named(source).absolute())
        self._asked = {"datasets": [dataset.name for dataset in datasets], "source": source}
        self._hidden = frozenset(secrets(settings))
        self._interval = settings.monitoring.memory_check_interval
        self._document: dict[str, Any] = {}
        self._began = time.perf_counter()

    def measured(self, step: Step) -> Step:
        """The same step, which also records what each stage took."""

        def measuring(name: str, function: Callable[..., Any], *arguments: Any) -> Any:
            began = time.perf_counter()
            with Peak(self._interval) as peak:
                result = step(name, function, *arguments)
            seconds = time.perf_counter() - began
            parts = PARTS[name](result)
            total = {key: sum(part[key] for part in parts) for key in ("rows", "bytes")}
            for facts in (total | {"seconds": seconds, "peak_rss_bytes": peak.bytes}, *parts):
                self._stage(name, facts)
            return result

        return measuring

    def _stage(self, name: str, facts: dict[str, Any]) -> None:
        seconds = facts.pop("seconds")
        speed = round(facts["rows"] / seconds) if seconds else 0
        facts |= {"seconds": round(seconds, 3), "rows_per_second": speed}
        RUNS.info("%s done", name, extra={"fields": facts})
        records.append(self.layout, "stages", {"run": self.run, "stage": name, **facts})

    def outcome(self, document: dict[str, Any]) -> dict[str, Any]:
        """Take the document that the command prints, and give it back."""
        self._document = document
        return document

    def ended(self, error: BaseException | None = None) -> None:
        """Write the record of the command, which may have ended in an error."""
        document = self._document
        code, errors = int(has_failed(document)), complaints(document)
        if error is not None:
            code = _code(error)
            errors = [f"{type(error).__name__}: {error}"]
        errors = [without(self._hidden, text) for text in errors]
        done = [*document.get("ingested", []), *document.get("synced", [])]
        gate = document.get("gate", {})
        facts = {
            "command": self.command,
            **self._asked,
            "run": self.run,
            "exit": code,
            "seconds": round(time.perf_counter() - self._began, 3),
            "days": len(document.get("ingested", [])),
            "rows": sum(item["rows"] for item in done),
            "quarantined": sum(item["quarantined"] for item in done),
            "failed": len(errors),
            "errors": [text[:LENGTH] for text in errors[:SHOWN]],
            "unavailable": _unavailable(self.layout, document),
            "gate": gate.get("verdicts", {}),
            "warnings": len(gate.get("warnings", [])),
        }
        records.append(self.layout, "runs", facts)
        known = error is None or isinstance(error, QuantminiError | SystemExit)
        for text in errors:
            RUNS.error("%s", text, exc_info=None if known else error)
        RUNS.info("%s ended with %d", self.command, code, extra={"fields": facts})


def _unavailable(layout: Layout, document: dict[str, Any]) -> dict[str, list[str]]:
    """The days inside each data set's history that are not published, or not in the plan.

    Of the years before it, which a plan may not cover, no more is told every night.
    """
    found: dict[str, list[str]] = {}
    for name, dataset in DATASETS.items():
        refused = [
            entry["date"]
            for entry in document.get("skipped", [])
            if entry["dataset"] == name and entry["date"] and entry["reason"] != UP_TO_DATE
        ]
        days = [str(day) for day in layout.bronze_files(dataset)] if refused else []
        if inside := [day for day in refused if days and days[0] < day < days[-1]]:
            found[name] = inside
    return found


def _code(error: BaseException) -> int:
    """The exit code of a command that ends in this error."""
    if isinstance(error, SystemExit) and isinstance(error.code, int):
        return error.code
    return 2 if isinstance(error, UsageError) else 1


@contextmanager
def recorded(
    settings: Settings,
    command: str,
    datasets: Iterable[Dataset] = (),
    source: str | None = None,
) -> Iterator[Recording]:
    """Record a command however it ends: with the outcome it was given, or the error it raised.

    Meanwhile what it logs is kept, and it is profiled if the settings say so.
    """
    recording = Recording(settings, command, datasets, source)
    with ExitStack() as watches:
        watches.enter_context(logged(settings, {"command": command, "run": recording.run}))
        if settings.monitoring.enable_profiling:
            report = recording.layout.log("performance") / f"profile-{recording.run}"
            watches.enter_context(profiled(report))
        RUNS.info("%s begins", command)
        try:
            yield recording
        except BaseException as error:
            recording.ended(error)
            raise
        recording.ended()


def _of_ingest(report: Any) -> list[dict[str, Any]]:
    """Each data set that took in a day. Its seconds are those of its days, on any thread."""
    names = sorted({day.dataset for day in report.ingested})
    days = {name: [day for day in report.ingested if day.dataset == name] for name in names}
    sums = ("rows", "bytes", "seconds")
    return [
        {"dataset": name, **{key: sum(getattr(day, key) for day in days[name]) for key in sums}}
        for name in names
    ]


def _of_transform(gate: Any) -> list[dict[str, Any]]:
    return list(gate.written)


def _of_export(gold: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each store that was written."""
    keys = ("store", "rows", "bytes", "seconds")
    made = [store for store in gold if "error" not in store and not store["skipped"]]
    return [{key: store[key] for key in keys} for store in made]


def _of_sync(report: Any) -> list[dict[str, Any]]:
    """Each reference table; what a sync's answers weigh is not counted."""
    return [
        {"table": table.table, "rows": table.rows, "bytes": 0, "seconds": table.seconds}
        for table in report.synced
    ]


PARTS = {
    "ingest": _of_ingest,
    "transform": _of_transform,
    "export": _of_export,
    "reference": _of_sync,
}
