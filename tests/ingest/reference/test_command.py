"""`quantmini reference sync` as a user runs it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flows import past
from flows.cli import main
from ingest.reference.api import Api
from lake.layout import Layout
from tests.conftest import quantmini
from tests.flows.webhook import webhook
from tests.ingest.reference.conftest import rows, split
from tests.ingest.reference.server import KEY, Fault, Vendor

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def command(layout: Layout, server: Vendor) -> Command:
    """The command line with a key, on an empty lake, talking to the server at all log levels."""

    def run(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        environment = {
            "QUANTMINI_SOURCE__API_BASE": server.base,
            "POLYGON_API_KEY": KEY,
            "QUANTMINI_LOG_LEVEL": "DEBUG",
        }
        return quantmini(layout.root, "reference", "sync", *arguments, **(environment | more))

    return run


def test_the_main_path(command: Command, layout: Layout, server: Vendor) -> None:
    ran = command("--json")
    assert ran.returncode == 0, ran.stderr
    document = json.loads(ran.stdout)
    assert document["failed"] == []
    names = ["tickers", "ticker_types", "splits", "dividends", "option_contracts"]
    assert [entry["table"] for entry in document["synced"]] == names
    keys = {"table", "rows", "quarantined", "duplicates", "pages", "seconds", "full"}
    assert {frozenset(entry) for entry in document["synced"]} == {frozenset(keys)}
    assert len(rows(layout, "splits")) == 8
    spoken = command("splits", "dividends")
    assert spoken.returncode == 0
    assert [line.split()[:3] for line in spoken.stdout.splitlines()] == [
        ["splits", "8", "rows,"],
        ["dividends", "8", "rows,"],
    ]


def test_a_failure_is_exit_1_and_the_key_shows_nowhere(
    command: Command, layout: Layout, server: Vendor
) -> None:
    server.fail("dividends", Fault(403))
    ran = command("--json", "splits", "dividends")
    assert ran.returncode == 1
    document = json.loads(ran.stdout)
    assert [entry["table"] for entry in document["synced"]] == ["splits"]
    [failure] = document["failed"]
    assert "POLYGON_API_KEY" in failure["error"]
    server.fail("splits", Fault(401))
    refused = command("splits")
    assert refused.returncode == 2
    assert "POLYGON_API_KEY" in refused.stderr
    said = ran.stdout + ran.stderr + refused.stdout + refused.stderr
    assert "urllib3" in said or "DEBUG" in said
    assert KEY not in said
    files = [path for path in layout.root.rglob("*") if path.is_file()]
    assert files
    assert [path for path in files if KEY.encode() in path.read_bytes()] == []


def test_a_client_does_not_show_its_key() -> None:
    assert KEY not in repr(Api("http://127.0.0.1:9", KEY))


@pytest.fixture
def here(
    layout: Layout,
    server: Vendor,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Callable[..., tuple[int, str, str]]:
    """The entry point in this process: exit code, stdout and stderr."""
    for name, value in {
        "QUANTMINI_LAKE": str(layout.root),
        "QUANTMINI_SOURCE__API_BASE": server.base,
        "POLYGON_API_KEY": KEY,
    }.items():
        monkeypatch.setenv(name, value)

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["quantmini", "reference", "sync", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return run


def test_a_failure_and_its_end_are_told(
    here: Callable[..., tuple[int, str, str]], server: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    with webhook() as hook:
        monkeypatch.setenv("QUANTMINI_ALERTS__URLS", hook.url)
        server.fail("splits", Fault(403))
        assert here("ticker_types", "splits")[0] == 1
        # Others that go well are not the end of it, the same in another order are, once.
        assert here("ticker_types")[0] == 0
        assert here("--events", "META")[0] == 0
        for _ in range(2):
            assert here("splits", "ticker_types")[0] == 0
    assert hook.titles() == [
        "quantmini reference sync splits ticker_types failed",
        "quantmini reference sync splits ticker_types goes well again",
    ]
    assert "splits: " in hook.messages[0]["message"]


def test_events_alone_are_no_recovery_of_all(
    here: Callable[..., tuple[int, str, str]],
    layout: Layout,
    server: Vendor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with webhook() as hook:
        monkeypatch.setenv("QUANTMINI_ALERTS__URLS", hook.url)
        server.fail("splits", Fault(403))
        assert here()[0] == 1
        assert here("--events", "META")[0] == 0
    assert hook.titles() == ["quantmini reference sync failed"]
    assert [run["command"] for run in past.runs(layout)["failing"]] == ["reference sync"]


@pytest.mark.parametrize("key", [None, "", " "])
def test_without_a_key(
    here: Callable[..., tuple[int, str, str]],
    layout: Layout,
    server: Vendor,
    monkeypatch: pytest.MonkeyPatch,
    key: str | None,
) -> None:
    monkeypatch.setattr("lake.settings.CONFIG", layout.root)
    if key is None:
        monkeypatch.delenv("POLYGON_API_KEY")
    else:
        monkeypatch.setenv("POLYGON_API_KEY", key)
    code, _, said = here()
    assert code == 2
    assert "POLYGON_API_KEY" in said
    assert server.asked == []
    assert not layout.root.exists()


def test_an_unknown_table(here: Callable[..., tuple[int, str, str]]) -> None:
    code, _, said = here("spilts")
    assert code == 2
    assert "known are tickers" in said


def test_words_say_what_was_quarantined(
    here: Callable[..., tuple[int, str, str]], server: Vendor
) -> None:
    server.tables["splits"] += [split("BAD", new=0), server.tables["splits"][0]]
    server.fail("dividends", Fault(403))
    code, said, _ = here("splits", "dividends")
    first, second = said.splitlines()
    assert code == 1
    assert "8 rows, 4 pages (all), 1 quarantined, 1 duplicates" in first
    assert second.startswith("FAILED dividends: ")


def test_events(here: Callable[..., tuple[int, str, str]], server: Vendor, layout: Layout) -> None:
    change = {"ticker_change": {"ticker": "FB"}, "type": "ticker_change", "date": "2012-05-18"}
    server.events["META"] = {"name": "Meta", "events": [change]}
    _, said, _ = here("--events", "META", "--json")
    assert [entry["rows"] for entry in json.loads(said)["synced"]] == [1]
    assert rows(layout, "ticker_events")[0]["new_ticker"] == "FB"


def test_calls_per_minute_come_from_the_settings(
    layout: Layout, server: Vendor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from flows.reference import synced
    from lake.settings import load

    seen: list[int | None] = []
    honest = Api.__init__

    def noting(self: Api, *arguments: str, calls_per_minute: int | None, **others: Any) -> None:
        seen.append(calls_per_minute)
        honest(self, *arguments, calls_per_minute=6000, **others)

    monkeypatch.setattr(Api, "__init__", noting)
    for name, value in {
        "QUANTMINI_LAKE": str(layout.root),
        "QUANTMINI_SOURCE__API_BASE": server.base,
        "QUANTMINI_SOURCE__API_CALLS_PER_MINUTE": "5",
        "POLYGON_API_KEY": KEY,
    }.items():
        monkeypatch.setenv(name, value)
    assert synced(load(), ["splits"], [], full=False)["failed"] == []
    assert seen == [5]
