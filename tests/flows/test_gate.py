"""What is told of dbt's results, and what is tried again."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from flows import transform as module
from flows.gate import OUT_OF_SYNC, read_results
from flows.summary import complaints, has_failed, of_run
from flows.transform import transform
from ingest.report import Failed, IngestReport
from lake.datasets import pick
from lake.files import read_json
from lake.layout import Layout
from lake.profile import limits
from tests.dbt_project.bronze import write_day

PARENTS = {
    f"model.quantmini.{name}": [f"model.quantmini.{parent}" for parent in parents]
    for name, parents in {
        "stg_polygon__splits": [],
        "stocks_daily": ["stg_polygon__splits"],
        "options_daily": ["stocks_daily"],
        "stocks_weekly": ["stocks_daily"],
        "tickers": [],
    }.items()
}


def told(name: str, status: str, message: str = "it went wrong") -> dict[str, Any]:
    return {
        "unique_id": f"model.quantmini.{name}",
        "status": status,
        "message": message,
        "execution_time": 0.1,
        "failures": None,
    }


def read(layout: Layout, *results: dict[str, Any]) -> dict[str, Any]:
    manifest = {"nodes": {}, "parent_map": PARENTS}
    return read_results({"results": list(results)}, manifest, pick(None), layout)


def test_a_new_column_names_the_command_that_makes_it(tmp_path: Path) -> None:
    """dbt says so at length, and nothing of what helps."""
    message = f"Compilation Error\n  The source and target {OUT_OF_SYNC}! [DuckDBColumn(…)]"
    found = read(Layout(tmp_path), told("stocks_daily", "error", message))
    [failure] = found["failures"]
    assert failure["dataset"] == "stocks_daily"
    assert "`uv run dbt build --select +stocks_daily --full-refresh`" in failure["message"]
    assert "DuckDBColumn" not in failure["message"]


@pytest.mark.parametrize(
    ("failed", "named", "unfinished"),
    [
        ("stocks_weekly", {"stocks_weekly"}, {"stocks_daily"}),
        ("tickers", {"tickers"}, {d.name for d in pick(None)}),
        ("options_daily", {"options_daily"}, {"stocks_daily", "options_daily"}),
        # Nothing of options_minute was built either, which does not descend from it.
        ("stg_polygon__splits", {"stocks_daily", "options_daily"}, None),
    ],
)
def test_a_failure_is_named_with_what_it_holds_up(
    tmp_path: Path, failed: str, named: set[str], unfinished: set[str] | None
) -> None:
    above = failed.startswith("stg")
    built = [] if above or failed == "options_daily" else ["stocks_daily", "options_daily"]
    results = [told(name, "success") for name in built]
    found = read(Layout(tmp_path), *results, told(failed, "error"))
    assert {failure["dataset"] for failure in found["failures"]} == named
    assert found["unfinished"] == (unfinished or {d.name for d in pick(None)})


def test_only_a_test_has_rows_to_show(tmp_path: Path) -> None:
    name = "test.quantmini.some_test.1"
    manifest = {"nodes": {name: {"name": "some_test"}}, "parent_map": PARENTS}
    hook = "operation.quantmini.quantmini-on-run-end-0"
    both = [told("", "fail") | {"unique_id": each, "failures": 1} for each in (name, hook)]
    results = {"results": both, "metadata": {"invocation_id": "a-run"}}
    found = read_results(results, manifest, pick(None), Layout(tmp_path))
    rows = {failure["node"]: failure.get("rows") for failure in found["failures"]}
    assert rows == {name: f"{tmp_path}/logs/errors/a-run-some_test.parquet", hook: None}


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("error", "failures"),
        ("fail", "failures"),
        ("runtime error", "failures"),
        ("warn", "warnings"),
    ],
)
def test_what_dbt_says_of_a_node_is_a_failure_or_a_warning(
    tmp_path: Path, status: str, kind: str
) -> None:
    found = read(Layout(tmp_path), told("stocks_daily", status))
    assert [entry["dataset"] for entry in found[kind]] == ["stocks_daily"]
    assert bool(found["unfinished"]) == (kind == "failures")


def test_a_longer_bar_that_failed_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_day(tmp_path, "stocks_daily", date(2024, 1, 2))
    layout, some = Layout(tmp_path), pick(["stocks_daily"])
    answers = [
        read(layout, told("stocks_daily", "success"), told("stocks_weekly", "error")),
        read(layout, told("stocks_daily", "success"), told("stocks_weekly", "success")),
    ]
    monkeypatch.setattr(module, "build", lambda *_, **__: answers.pop(0))
    assert not transform(layout, limits(), some, {}).passed
    assert read_json(layout.transformed) == {}
    assert transform(layout, limits(), some, {}).verdicts == {"stocks_daily": "passed"}
    assert [*read_json(layout.transformed)] == ["stocks_daily"]


FAILURE = {"dataset": "stocks_daily", "date": None, "error": "gone"}
DIED = {"dataset": "stocks_daily", "node": "dbt", "message": "it was killed"}
FINDING = {"dataset": "stocks_daily", "node": "test.quantmini.some_test.1", "message": "Got 4"}


@pytest.mark.parametrize(
    "document",
    [
        {"failed": [FAILURE]},
        {"gate": {"verdicts": {"stocks_daily": "failed"}, "failures": [FINDING]}},
        {"gate": {"verdicts": {"stocks_daily": "failed"}, "failures": []}},
        {"gate": {"verdicts": {"stocks_daily": "failed"}, "failures": [DIED]}},
        {"gold": [{"store": "options"}, {"store": "stocks_daily", "error": "lost"}]},
    ],
)
def test_whatever_failed_fails_the_command_and_is_told(document: dict[str, Any]) -> None:
    assert has_failed(document)
    [line] = complaints(document)
    assert line.startswith("stocks_daily")


def test_nothing_to_do_says_which_days_the_source_does_not_have() -> None:
    gate = {"verdicts": {"stocks_daily": "unchanged"}, "failures": [], "warnings": []}
    rest = {"ingested": [], "failed": [], "switched_off": [], "gate": gate, "gold": []}
    done = {"dataset": "stocks_daily", "date": "2024-06-05", "reason": "up_to_date"}
    lacking = [
        {"dataset": "stocks_daily", "date": f"2024-06-0{day}", "reason": "not_published"}
        for day in (6, 7)
    ]
    closed = {"dataset": "options_daily", "date": None, "reason": "not_entitled"}
    said = of_run({**rest, "skipped": [done]})
    assert said == "nothing to do: every day is ingested, published and exported"
    said = of_run({**rest, "skipped": [done, *lacking, closed]})
    assert said.splitlines() == [
        "nothing to do: every other day is ingested, published and exported",
        "options_daily: 1 not entitled",
        "stocks_daily: 1 up to date, 2 not published",
    ]


def test_only_an_ingest_has_a_listing() -> None:
    lost = IngestReport(failed=[Failed("stocks_daily", None, "gone")]).as_dict()
    assert complaints(lost) == ["stocks_daily listing: gone"]
    assert complaints({"failed": [FAILURE]}) == ["stocks_daily: gone"]


def test_what_went_well_fails_nothing() -> None:
    gate = {"verdicts": {"stocks_daily": "passed", "options_daily": "unchanged"}, "failures": []}
    document = {"failed": [], "gate": gate, "gold": [{"store": "options", "skipped": True}]}
    assert not has_failed(document)
    assert complaints(document) == []
