"""Every command that writes leaves a record, however it ends."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from flows.peak import Peak
from flows.progress import call
from flows.recording import recorded
from ingest.report import Failed, Ingested, IngestReport
from lake import records
from lake.errors import SourceUnavailable, UsageError
from lake.layout import Layout
from tests.conftest import Ran

DAY, MIB = date(2024, 6, 5), 1 << 20


def kept(layout: Layout, kind: records.Kind) -> list[dict[str, Any]]:
    return list(records.read(layout, kind, timedelta(days=1)))


def test_a_run_through_the_chain(ran: Ran) -> None:
    made = next(run for run in kept(ran.layout, "runs") if run["command"] == "run")
    rows = sum(day["rows"] for day in ran.document["ingested"])
    assert (made["exit"], made["failed"], made["days"], made["rows"]) == (0, 0, 100, rows)
    assert made["gate"]["stocks_daily"] == "passed"
    stages = [stage for stage in kept(ran.layout, "stages") if stage["run"] == made["run"]]
    whole = {stage["stage"]: stage for stage in stages if "peak_rss_bytes" in stage}
    assert list(whole) == ["ingest", "transform", "export"]
    # dbt is a process of its own, and is counted.
    assert all(stage["peak_rss_bytes"] > 50 * MIB for stage in whole.values())
    for name, key in {"ingest": "dataset", "transform": "dataset", "export": "store"}.items():
        part = next(s for s in stages if s["stage"] == name and s.get(key) == "stocks_daily")
        days = [day for day in ran.document["ingested"] if day["dataset"] == "stocks_daily"]
        assert part["rows"] == sum(day["rows"] for day in days)
        assert part["bytes"] > 0


def test_a_day_that_fails_is_in_the_record(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    report = IngestReport(
        [Ingested("stocks_daily", DAY, 7, 2, 100, 0.5)],
        failed=[Failed("stocks_daily", date(2024, 6, 6), "the server is away")],
    )
    with recorded(layout, "ingest") as recording:
        recording.measured(call)("ingest", lambda: report)
        recording.outcome(report.as_dict())
    (run,) = kept(layout, "runs")
    assert (run["exit"], run["rows"], run["quarantined"], run["failed"]) == (1, 7, 2, 1)
    assert run["errors"] == ["stocks_daily 2024-06-06: the server is away"]
    whole, part = kept(layout, "stages")
    assert whole["rows"] == part["rows"] == 7
    assert (part["dataset"], part["rows_per_second"]) == ("stocks_daily", 14)


@pytest.mark.parametrize(
    ("error", "code"),
    [(SourceUnavailable("away"), 1), (UsageError("wrong"), 2), (KeyboardInterrupt(), 1)],
)
def test_a_command_that_ends_in_an_error_has_its_record(
    tmp_path: Path, error: BaseException, code: int
) -> None:
    with pytest.raises(type(error)), recorded(Layout(tmp_path), "run"):
        raise error
    (run,) = kept(Layout(tmp_path), "runs")
    assert run["exit"] == code
    assert run["errors"][0].startswith(type(error).__name__)


def test_the_peak_is_that_of_the_block() -> None:
    with Peak(interval=60) as before:
        pass
    with Peak(interval=60) as peak:
        held = bytearray(2 * before.bytes)
        held[::4096] = b"x" * len(held[::4096])
    del held
    assert peak.bytes > 2 * before.bytes
