"""Every command that writes leaves a record, however it ends."""

from __future__ import annotations

import json
import logging
import os
import pstats
from datetime import date, timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from flows.peak import Peak
from flows.progress import call
from flows.recording import recorded
from ingest.report import Failed, Ingested, IngestReport
from lake import records
from lake.datasets import DATASETS
from lake.errors import SourceUnavailable, UsageError
from lake.layout import Layout
from lake.settings import Settings
from lake.settings.lake import Lake
from lake.settings.monitoring import Monitoring
from tests.conftest import Ran

DAY, MIB = date(2024, 6, 5), 1 << 20


def of(root: Path, **monitoring: Any) -> Settings:
    return Settings(lake=Lake(root=root), monitoring=Monitoring(**monitoring))


def kept(layout: Layout, kind: records.Kind) -> list[dict[str, Any]]:
    return list(records.read(layout, kind, timedelta(days=1)))


def test_a_run_through_the_chain(ran: Ran) -> None:
    made = next(run for run in kept(ran.layout, "runs") if run["command"] == "run")
    rows = sum(day["rows"] for day in ran.document["ingested"])
    assert (made["exit"], made["failed"], made["days"], made["rows"]) == (0, 0, 100, rows)
    assert made["datasets"] == [*DATASETS]
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
    with recorded(of(tmp_path), "ingest") as recording:
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
    [(SourceUnavailable("away"), 1), (UsageError("wrong"), 2), (SystemExit(143), 143)],
)
def test_a_command_that_ends_in_an_error_has_its_record(
    tmp_path: Path, error: BaseException, code: int
) -> None:
    with pytest.raises(type(error)), recorded(of(tmp_path), "run"):
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


def lines(layout: Layout, kind: str) -> list[dict[str, Any]]:
    return [json.loads(line) for path in layout.log(kind).glob("*.jsonl") for line in path.open()]


def test_logs_are_kept_without_secrets_and_not_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout, log = Layout(tmp_path), logging.getLogger("ingest.something")
    old = layout.log("errors") / "2001-01-01.jsonl"
    old.parent.mkdir(parents=True)
    old.touch()
    os.utime(old, (0, 0))
    monkeypatch.setenv("POLYGON_API_KEY", "hunter2hunter2")
    with pytest.raises(ValueError, match="hunter2"), recorded(of(tmp_path), "run"):
        log.info("the key is %s", "hunter2hunter2")
        log.debug("not at this level")
        raise ValueError("hunter2hunter2")
    log.warning("after the run")
    assert "hunter2" not in "".join(path.read_text() for path in tmp_path.rglob("*.jsonl"))
    pipeline, (error,) = lines(layout, "pipeline"), lines(layout, "errors")
    assert [line["message"] for line in pipeline if line["logger"] == log.name] == [
        "the key is ***"
    ]
    assert "Traceback" in error["traceback"]
    assert (error["level"], error["command"]) == ("ERROR", "run")
    (run,) = kept(layout, "runs")
    assert {line["run"] for line in pipeline} == {run["run"]}
    assert not old.exists()


def test_the_log_level_is_a_setting(tmp_path: Path) -> None:
    with recorded(of(tmp_path, log_level="ERROR"), "run"):
        logging.getLogger("flows").warning("nothing to write down")
    assert lines(Layout(tmp_path), "pipeline") == []


def test_a_profile_shows_all_threads(tmp_path: Path) -> None:
    def work_in_a_thread() -> None:
        sorted(range(10_000))

    with recorded(of(tmp_path, enable_profiling=True), "run"):
        thread = Thread(target=work_in_a_thread)
        thread.start()
        thread.join()
    (text,) = Layout(tmp_path).log("performance").glob("profile-*.txt")
    assert "work_in_a_thread" in text.read_text()
    assert pstats.Stats(str(text.with_suffix(".pstats"))).total_calls > 0  # type: ignore[attr-defined]
