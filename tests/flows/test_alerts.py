"""Alerts: who is told, when, and what nobody sees."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from flows.alerts import send, tell, watched
from flows.request import Request
from lake import records
from lake.datasets import pick
from lake.errors import LakeBusy
from lake.settings import Alerts, Settings
from lake.settings.lake import Lake
from tests.conftest import quantmini
from tests.dbt_project.bronze import write_day
from tests.flows.webhook import TOKEN, Webhook, webhook

LAST = date(2024, 6, 5)
FRESH = datetime(2024, 6, 6, 18, tzinfo=UTC)
LATE = datetime(2024, 6, 10, 18, tzinfo=UTC)


@pytest.fixture
def hook() -> Iterator[Webhook]:
    with webhook() as running:
        yield running


@pytest.fixture
def asked(tmp_path: Path, hook: Webhook) -> Request:
    """A run on a lake whose only day is `LAST`."""
    write_day(tmp_path, "stocks_daily", LAST)
    settings = Settings(lake=Lake(root=tmp_path), alerts=Alerts(urls=[SecretStr(hook.url)]))
    return Request(settings, pick(["stocks_daily"]))


def test_failure_then_recovery_then_silence(asked: Request, hook: Webhook) -> None:
    assert tell(asked, [], FRESH) is None
    failures = [f"stocks_daily 2024-06-{day:02}: broken" for day in range(1, 15)]
    assert tell(asked, failures, FRESH) == "failed"
    assert tell(asked, failures[:1], FRESH) == "failed"
    assert tell(asked, [], FRESH) == "recovered"
    assert tell(asked, [], FRESH) is None
    assert hook.titles() == [
        "quantmini run failed",
        "quantmini run failed",
        "quantmini run goes well again",
    ]
    first = hook.messages[0]["message"].splitlines()
    assert first[:2] == failures[:2]
    assert first[10] == "and 4 more"
    assert str(asked.layout.root) in first[-1]
    assert [message["type"] for message in hook.messages] == ["failure", "failure", "success"]


def test_stale_data_until_it_is_fresh(asked: Request, hook: Webhook) -> None:
    assert tell(asked, [], LATE) == "stale"
    assert "stocks_daily: 2 sessions behind, bronze ends 2024-06-05" in hook.messages[0]["message"]
    # A range of past days says nothing about today: neither that it is stale nor that it is over.
    assert tell(replace(asked, command="backfill"), [], LATE) is None
    assert tell(replace(asked, end=LAST), [], LATE) is None
    assert tell(asked, [], FRESH) == "recovered"


def test_a_failure_of_other_data_sets_is_not_over(asked: Request) -> None:
    both = replace(asked, datasets=pick(["stocks_daily", "stocks_minute"]))
    assert tell(both, ["stocks_minute 2024-06-05: broken"], FRESH) == "failed"
    assert tell(asked, [], FRESH) is None
    assert tell(both, [], FRESH) == "recovered"


def test_an_exception_is_told_and_goes_on(asked: Request, hook: Webhook) -> None:
    def busy() -> dict[str, object]:
        raise LakeBusy("process 7 is writing")

    with pytest.raises(LakeBusy):
        watched(asked, busy)
    assert "LakeBusy: process 7 is writing" in hook.messages[0]["message"]


def test_a_url_is_seen_nowhere(
    asked: Request, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    urls = [f"json://127.0.0.1:1/{TOKEN}", f"nosuch://{TOKEN}", f"slack://{TOKEN}"]
    alerts = Alerts(urls=[SecretStr(url) for url in urls])
    unsent = send(alerts, "message", "title", ["text"])
    assert [text[:22] for text in unsent] == [f"alerts.urls, entry {n}: " for n in (1, 2, 3)]
    broken = replace(asked, settings=asked.settings.model_copy(update={"alerts": alerts}))
    assert tell(broken, ["broken"], FRESH) == "failed"
    assert len([line for line in caplog.messages if "alert not sent" in line]) == 6
    kept = next(records.read(asked.layout, "alerts", timedelta(days=1)))
    assert (kept["sent"], kept["urls"]) == (0, 3)
    seen = caplog.text + "".join(capfd.readouterr()) + repr(broken) + str(unsent) + str(kept)
    assert TOKEN not in seen
    # The failure was kept, so that its end is told once somebody can be reached.
    assert tell(asked, [], FRESH) == "recovered"


def test_the_command(tmp_path: Path, hook: Webhook) -> None:
    assert quantmini(tmp_path, "alert").returncode == 2
    urls = {"QUANTMINI_ALERTS__URLS": f"{hook.url} json://127.0.0.1:1/{TOKEN}"}
    process = quantmini(tmp_path, "alert", "disk", **urls, QUANTMINI_LOG_LEVEL="DEBUG")
    assert process.returncode == 1
    assert "alerts.urls, entry 2" in process.stderr
    assert TOKEN not in process.stdout + process.stderr
    assert hook.messages[0]["message"] == "disk"
