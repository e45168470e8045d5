"""`quantmini status` says what is stale, unpublished or unadjusted."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from flows import past, storage
from flows.ailments import problems_of
from flows.due import due_sessions
from flows.recording import recorded
from flows.status import status
from flows.status_words import words
from ingest.reference.landing import begin
from ingest.report import NOT_PUBLISHED, Failed, IngestReport, Skipped
from lake import records
from lake.datasets import DATASETS, pick
from lake.errors import UsageError
from lake.files import write_json
from lake.layout import Layout
from lake.lock import writing
from lake.profile import limits
from lake.settings import Settings
from lake.settings.lake import Lake
from tests.conftest import Ran, quantmini
from tests.dbt_project.bronze import write_day, write_dividends, write_splits

# The market of `ran` ends on Wednesday 2024-06-05.
THURSDAY_EVENING = datetime(2024, 6, 6, 18, tzinfo=UTC)
MONDAY_EVENING = datetime(2024, 6, 10, 18, tzinfo=UTC)


def test_a_fresh_lake_is_healthy(ran: Ran) -> None:
    found = status(ran.layout, limits(), "splits_and_dividends", THURSDAY_EVENING)
    assert found["healthy"], found["problems"]
    for facts in found["pipeline"]["datasets"].values():
        assert facts["days"] == 25
        assert facts["published_through"] == facts["last_date"] == date(2024, 6, 5)
        assert facts["sessions_behind"] == 0
    assert found["storage"]["bronze"]["files"] == 100
    assert found["storage"]["silver"]["bytes"] > 0
    gold = sum(store["files"] for store in ran.document["gold"])
    # Each store keeps a second version.
    assert found["storage"]["gold"]["files"] == 2 * gold
    tables = found["pipeline"]["partition_health"]
    for name in DATASETS:
        rows = sum(day["rows"] for day in ran.document["ingested"] if day["dataset"] == name)
        assert tables[name]["rows"] == rows
        # All are small, but each is alone in its partition.
        assert (tables[name]["small_files"], tables[name]["files"] > 0) == (0, True)
    assert found["system"]["days_until_full"] > 0
    assert "prices unadjusted; see `quantmini reference sync`" in words(found)


def test_sessions_are_counted_not_days(ran: Ran) -> None:
    found = status(ran.layout, limits(), "none", MONDAY_EVENING)
    assert not found["healthy"]
    # Thursday and Friday; Monday's files come on Tuesday.
    assert {facts["sessions_behind"] for facts in found["pipeline"]["datasets"].values()} == {2}
    assert "PROBLEM stocks_daily: 2 sessions behind, bronze ends 2024-06-05" in words(found)


def test_a_session_is_due_an_hour_after_the_vendor_has_finished_it() -> None:
    evening = datetime(2024, 6, 6, 17, tzinfo=UTC)
    assert due_sessions(evening)[-1] == date(2024, 6, 5)
    assert due_sessions(evening - timedelta(seconds=1))[-1] == date(2024, 6, 4)


def test_sessions_missing_inside_are_a_problem_unless_the_source_has_none(tmp_path: Path) -> None:
    layout, gone = Layout(tmp_path), [date(2024, 5, 31), date(2024, 6, 4)]
    for day in (date(2024, 5, 30), date(2024, 6, 3), date(2024, 6, 5)):
        write_day(tmp_path, "stocks_daily", day)

    def seen() -> tuple[dict[str, Any], list[str], str]:
        found = status(layout, limits(), "none", THURSDAY_EVENING)
        told = [problem for problem in found["problems"] if "missing" in problem]
        return found["pipeline"]["datasets"]["stocks_daily"], told, words(found)

    facts, problems, _ = seen()
    assert (facts["missing"], facts["unavailable"]) == (gone, [])
    assert problems == [
        "stocks_daily: 2 sessions missing between 2024-05-30 and 2024-06-05, the first 2024-05-31; "
        "run `quantmini run stocks_daily --start 2024-05-31 --end 2024-06-04`"
    ]
    # A run asked for one of them, and for a day of another data set.
    skipped = [("stocks_daily", gone[1]), ("stocks_minute", gone[0]), ("options_daily", None)]
    skipped += [("stocks_daily", date(2014, 6, 6))]
    with recorded(Settings(lake=Lake(root=tmp_path)), "run") as recording:
        report = IngestReport(skipped=[Skipped(*day, NOT_PUBLISHED) for day in skipped])
        recording.outcome(report.as_dict())
    facts, [problem], said = seen()
    assert (facts["missing"], facts["unavailable"]) == ([gone[0]], [gone[1]])
    # Records are read each time: what a plan does not cover would fill them.
    assert past.unavailable(layout) == {"stocks_daily": {"2024-06-04"}}
    assert problem.startswith("stocks_daily: 1 sessions missing")
    assert "stocks_daily: the source does not have 1 sessions in between, the first 2024" in said


def test_unpublished_days_are_a_problem(tmp_path: Path) -> None:
    write_day(tmp_path, "stocks_daily", date(2024, 6, 5))
    write_splits(tmp_path, {})
    write_dividends(tmp_path, {})
    found = status(Layout(tmp_path), limits(), "splits", THURSDAY_EVENING)
    assert found["pipeline"]["prices"] == "adjusted"
    assert found["pipeline"]["reference"] == {"dividends": None, "splits": None}
    (problem,) = found["problems"]
    assert problem.startswith("stocks_daily: nothing is published, bronze ends 2024-06-05; run")


def test_the_age_of_the_reference_is_told(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    write_splits(tmp_path, {})
    write_dividends(tmp_path, {})
    first, last = date(2020, 3, 1), date(2020, 3, 2)
    begin(layout.api_landing("splits"), None, first, []).finish()
    # One that was broken off changed nothing.
    begin(layout.api_landing("splits"), None, last, [])
    found = status(layout, limits(), "splits", THURSDAY_EVENING)
    assert found["pipeline"]["reference"] == {"dividends": None, "splits": first}
    assert "reference last synced: dividends unknown, splits 2020-03-01" in words(found)


def test_an_empty_lake_by_the_command(tmp_path: Path) -> None:
    process = quantmini(tmp_path / "none", "status", "--json")
    assert process.returncode == 1
    document = json.loads(process.stdout)
    assert {"timestamp", "system", "pipeline", "storage"} <= set(document)
    assert set(document["pipeline"]["datasets"]) == set(DATASETS)
    assert "nothing is ingested" in document["problems"][0]
    assert not (tmp_path / "none").exists()


def test_a_broken_part_is_a_problem_and_the_rest_is_told(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    write_day(tmp_path, "stocks_daily", date(2024, 6, 5))
    layout.published.parent.mkdir(parents=True)
    layout.published.write_text('{"stocks_daily": {"snap')
    found = status(layout, limits(), "none", THURSDAY_EVENING)
    assert found["pipeline"]["datasets"]["stocks_daily"]["days"] == 1
    assert f"{layout.published} does not say what is published" in found["problems"][0]
    assert "quantmini transform" in found["problems"][0]
    # Nothing is said of what could not be read.
    assert len(found["problems"]) == 1

    write_json(layout.published, {"stocks_daily": {"snapshot": 1, "run": "first"}})
    layout.catalog.write_bytes(b"no database" * 1000)
    found = status(layout, limits(), "none", THURSDAY_EVENING)
    assert f"{layout.catalog} is damaged" in found["problems"][0]
    assert "quantmini maintain rebuild" in found["problems"][0]
    assert len(found["problems"]) == 1
    layout.log("performance").mkdir(parents=True)
    now = datetime.now(UTC)
    odd = f'{{"at": "{now.isoformat()}"}}\n[]\n{{"at": 5}}\n'
    records_of_runs = layout.log("performance") / f"runs-{now:%Y-%m}.jsonl"
    records_of_runs.write_bytes(odd.encode() + b"\xff\n")
    words(status(layout, limits(), "none", THURSDAY_EVENING))


@pytest.mark.slow(7)
def test_rows_of_a_table_are_those_that_a_query_finds(ran: Ran, one_row_less: Layout) -> None:
    found = status(one_row_less, limits(), "none", THURSDAY_EVENING)
    assert found["healthy"], found["problems"]
    files = found["pipeline"]["partition_health"]["stocks_daily"]
    before = [day for day in ran.document["ingested"] if day["dataset"] == "stocks_daily"]
    assert files["rows"] == sum(day["rows"] for day in before) - 1
    assert files["delete_files"] == 1


@pytest.mark.slow(9)
def test_a_lost_file_of_one_data_set_says_nothing_of_the_others(one_row_less: Layout) -> None:
    """A file without deleted rows is not even opened for its newest date."""
    for lost in (one_row_less.root / "silver/stocks_daily").rglob("*.parquet"):
        lost.unlink()
    found = status(one_row_less, limits(), "none", THURSDAY_EVENING)
    (problem,) = found["problems"]
    assert problem.startswith("silver.stocks_daily cannot be read (")
    assert problem.endswith("`quantmini maintain rebuild` makes silver again from bronze")
    assert found["pipeline"]["datasets"]["options_daily"]["published_through"] == date(2024, 6, 5)
    assert found["pipeline"]["partition_health"]["stocks_daily"]["rows"] > 0


def failing(layout: Layout) -> list[str]:
    """What `status` says of commands that failed."""
    found = status(layout, limits(), "none", THURSDAY_EVENING)
    return [problem for problem in found["problems"] if "failed at" in problem]


def test_runs_that_failed_and_were_not_made_good(tmp_path: Path) -> None:
    layout = Layout(tmp_path)

    def ended(command: str, code: int, *errors: str) -> list[str]:
        facts = {"command": command, "exit": code, "seconds": 1.0, "errors": errors}
        records.append(layout, "runs", facts)
        return failing(layout)

    assert ended("run", 0) == []
    (problem,) = ended("reference sync", 1, "splits: the server is away")
    assert "the last `reference sync` failed" in problem
    assert "the server is away" in problem
    assert problem.endswith("then `quantmini reference sync`")
    assert len(ended("export", 1, "LakeBusy: process 7 is writing")) == 1
    first, second = ended("export", 2, "UsageError: wrong")
    assert second.endswith("then `quantmini run`")
    # What a run does not do stays to be done.
    assert ended("run", 0) == [first]
    assert ended("reference sync", 0) == []
    found = status(layout, limits(), "none", THURSDAY_EVENING)
    assert found["pipeline"]["runs"]["error_rate"] == 2 / 5
    assert "40% of the last 5 failed" in words(found)


@pytest.mark.parametrize(
    ("failed", "since", "good"),
    [
        # A success of some data sets is none of all that failed, and that of all is one of some.
        (("run", "a", "b"), ("run", "a"), False),
        (("run", "a"), ("run", "a", "b"), True),
        (("ingest", "b"), ("run", "a"), False),
        (("ingest", "b"), ("run", "a", "b"), True),
        # What `all` includes, and what it does not.
        (("maintain verify",), ("maintain all",), True),
        (("maintain verify",), ("maintain compact",), False),
        (("maintain rebuild",), ("maintain all",), False),
        (("maintain all",), ("maintain verify",), False),
        (("reference sync splits",), ("reference sync",), True),
        (("reference sync --events META",), ("reference sync",), False),
        (("reference sync",), ("reference sync --events META",), False),
    ],
)
def test_only_a_success_of_the_same_work_makes_good(
    tmp_path: Path, failed: tuple[str, ...], since: tuple[str, ...], good: bool
) -> None:
    for code, (command, *datasets) in ((1, failed), (0, since)):
        facts = {"command": command, "datasets": datasets, "exit": code, "errors": []}
        records.append(Layout(tmp_path), "runs", facts)
    told = [run["command"] for run in past.runs(Layout(tmp_path))["failing"]]
    assert told == ([] if good else [failed[0]])


def test_advice_to_a_lake_that_is_fed_from_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the folder `run` would ask the bucket, or for its keys."""
    monkeypatch.chdir(tmp_path)
    layout = Layout(tmp_path)
    for day in (date(2024, 5, 30), date(2024, 6, 3)):
        write_day(tmp_path, "stocks_daily", day)
    days = [Failed("stocks_daily", date(2024, 6, day), "it is cut off") for day in range(4, 21)]
    for source, again, option in (
        ("s3", "`quantmini run`", ""),
        ("my market", "the same command again", f" --source '{tmp_path}/my market'"),
    ):
        settings = Settings(lake=Lake(root=tmp_path))
        with recorded(settings, "run", pick(["stocks_daily"]), source) as recording:
            recording.outcome(IngestReport(failed=days).as_dict())
        failed, behind, gap, _ = status(layout, limits(), "none", THURSDAY_EVENING)["problems"]
        assert "stocks_daily 2024-06-04: it is cut off, and 16 more; see " in failed
        assert failed.endswith(f", then {again}")
        assert behind.endswith(f"; run `quantmini run stocks_daily{option}`")
        assert gap.endswith(f"--start 2024-05-31 --end 2024-05-31{option}`")
    with pytest.raises(UsageError), recorded(settings, "run", source="nowhere"):
        raise UsageError("there is no folder nowhere")
    assert past.runs(layout)["source"] == f"{tmp_path}/my market"


def test_a_killed_run_shows(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    with writing(layout):
        found = status(layout, limits(), "none", THURSDAY_EVENING)
        assert not found["pipeline"]["runs"]["killed"]
        left = layout.lock.with_suffix(".pid").read_text()
    layout.lock.with_suffix(".pid").write_text(left)
    found = status(layout, limits(), "none", THURSDAY_EVENING)
    assert "the last run was killed" in found["problems"][0]


def test_queries_and_growth(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    for number in range(100):
        cache = {"cache": "hit" if number % 4 == 0 else "miss"}
        facts = {"sql": "select 1", "seconds": (number + 1) / 100, "rows": 1}
        records.append(layout, "queries", facts | cache)
    records.append(layout, "queries", {"sql": "x", "seconds": 9, "cache": "none", "error": "no"})
    found = past.queries(layout)
    assert (found["count"], found["cache_hit_rate"]) == (101, 0.25)
    assert (found["latency_p50"], found["latency_p99"]) == (0.5, 0.99)
    assert found["error_rate"] == 1 / 101
    for day in (date(2024, 6, 4), date(2024, 6, 5)):
        write_day(tmp_path, "stocks_daily", day)
    layers = storage.sizes(layout)
    layers["silver"]["bytes"] = 3 * layers["bronze"]["bytes"]
    disk = storage.disk(layout, layers)
    assert disk["bytes_per_session"] == 2 * layers["bronze"]["bytes"]
    free = disk["disk_free_bytes"]
    assert disk["days_until_full"] == int(free / disk["bytes_per_session"] * 365.25 / 252)
    full = {"days_until_full": 3, "bytes_per_session": 5e6}
    pipeline = {
        "runs": {"killed": False, "failing": [], "source": None},
        "datasets": {"x": {"days": 1, "last_date": None, "sessions_behind": None, "missing": []}},
        "partition_health": {"stocks_daily": {"small_files": 501, "delete_files": 0}},
    }
    compact, space = problems_of(layout, full, pipeline)
    assert "quantmini maintain compact" in compact
    assert "full in 3 days at 5.0 MB a session" in space
