"""A sync that is broken off at any moment is continued where its pages end."""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from ingest.reference.api import RETRIES, Api
from ingest.reference.report import SyncReport
from ingest.reference.sync import sync
from lake.layout import Layout
from tests.forked import forking
from tests.ingest.reference.conftest import TODAY, fill, frame, one, rows, split, synced
from tests.ingest.reference.server import KEY, Fault, Vendor

TABLES = ["tickers", "splits", "option_contracts"]
KILLS = 20
BROKEN = [Fault(500)] * (RETRIES + 1)


def load(root: Path, base: str) -> SyncReport:
    return sync(Layout(root), Api(base, KEY, pause=0), TABLES, today=TODAY)


def content(root: Path) -> dict[str, bytes]:
    """What is landed and in the tables, under final names."""
    folders = [root / name for name in ("landing", "bronze", "quarantine")]
    files = [path for folder in folders for path in folder.rglob("[!.]*") if path.is_file()]
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in files
        if path.suffix in (".parquet", ".gz", ".json")
    }


@pytest.mark.slow
def test_killed_at_random_moments(server: Vendor, tmp_path: Path) -> None:
    server.tables["splits"] += [split("BAD", new=0), split("A", "2000-01-03", 1, 5)]
    load(tmp_path / "undisturbed", server.base)
    wanted, calls = content(tmp_path / "undisturbed"), len(server.asked)
    context, dice, interrupted = forking(), random.Random(3), 0
    for kill in range(KILLS):
        root = tmp_path / f"lake {kill}"
        server.asked.clear()
        reached = server.when_asked(dice.randint(1, calls))
        process = context.Process(target=load, args=(root, server.base))
        process.start()
        assert reached.wait(60)
        process.join(dice.choice([0, 0.02, 0.3]) * dice.random())
        process.kill()
        process.join()
        left = content(root)
        landed = [name for name in left if name.endswith(".gz")]
        interrupted += 0 < len(landed) < calls
        assert {name: left[name] for name in landed}.items() <= wanted.items()
        report = load(root, server.base)
        assert report.failed == []
        assert {**content(root)}.keys() >= {n for n in wanted if n.startswith("bronze")}
        for table in TABLES:
            assert frame(Layout(root), table).equals(frame(Layout(tmp_path / "undisturbed"), table))
        again = Counter(server.asked)
        # A request that was under way when the process died may be sent once more. A table that was
        # complete is asked for again as a new sync.
        assert sum(count > 1 for count in again.values()) <= 1 + complete(left)
    assert interrupted > KILLS / 3


def complete(left: dict[str, bytes]) -> int:
    """Pages of tables that were done when the process died."""
    done = [name.split("/")[2] for name, text in left.items() if b'"done": true' in text]
    return sum(name.endswith(".gz") and name.split("/")[2] in done for name in left)


def test_landed_pages_are_not_fetched_again(layout: Layout, server: Vendor) -> None:
    server.fail("cursor", Fault(), *BROKEN)
    assert "continues here" in synced(layout, server, "splits").failed[0].error
    assert not layout.reference("splits").exists()
    landed = set(server.asked[:2])
    server.asked.clear()
    outcome = one(layout, server, "splits")
    assert (outcome.rows, outcome.pages, len(server.asked)) == (8, 3, 1)
    assert landed.isdisjoint(server.asked)


def test_a_finished_query_is_not_asked_again(layout: Layout, server: Vendor) -> None:
    server.fail("active=false", *BROKEN)
    synced(layout, server, "tickers")
    server.asked.clear()
    assert one(layout, server, "tickers").rows == 11
    assert len(server.asked) == 2


def test_the_old_table_stays_until_the_new_one_is_complete(layout: Layout, server: Vendor) -> None:
    one(layout, server, "splits")
    before = rows(layout, "splits")
    server.tables["splits"][0] = split("A", "2000-01-03", 1, 7)
    server.fail("cursor", *BROKEN)
    synced(layout, server, "splits")
    assert rows(layout, "splits") == before
    one(layout, server, "splits")
    assert rows(layout, "splits")[0]["split_to"] == 7.0


def test_what_came_since_a_broken_sync_is_fetched_too(layout: Layout, server: Vendor) -> None:
    server.fail("cursor", *BROKEN)
    synced(layout, server, "dividends")
    server.tables["dividends"][-1]["cash_amount"] = 5
    server.asked.clear()
    outcome = one(layout, server, "dividends", today=TODAY + timedelta(days=2))
    assert not outcome.full
    assert "cursor" in server.asked[0]
    assert "ex_dividend_date.gte=2024-03-01" in server.asked[-1]
    assert outcome.rows == 8


def test_a_sync_broken_long_ago_begins_anew(layout: Layout, server: Vendor) -> None:
    server.fail("cursor", *BROKEN)
    synced(layout, server, "splits")
    server.asked.clear()
    one(layout, server, "splits", today=TODAY + timedelta(days=8))
    assert len(server.asked) == 3
    assert len(list(layout.api_landing("splits").iterdir())) == 1


def test_full_does_not_continue_an_incremental_sync(layout: Layout, server: Vendor) -> None:
    one(layout, server, "dividends")
    server.fail("dividends", *BROKEN)
    synced(layout, server, "dividends")
    outcome = one(layout, server, "dividends", full=True)
    assert (outcome.full, outcome.pages) == (True, 3)
    assert "gte" not in "".join(server.asked[-3:])


def test_a_full_sync_is_continued_by_a_plain_call(layout: Layout, server: Vendor) -> None:
    one(layout, server, "dividends")
    server.fail("cursor", *BROKEN)
    synced(layout, server, "dividends", full=True)
    server.asked.clear()
    assert one(layout, server, "dividends").full
    assert len(server.asked) == 2


def test_events_of_other_tickers_are_another_sync(layout: Layout, server: Vendor) -> None:
    server.fail("/vX/", *BROKEN)
    assert synced(layout, server, events=["META"]).failed
    server.asked.clear()
    assert synced(layout, server, events=["A"]).failed == []
    assert server.asked == ["/vX/reference/tickers/A/events"]


def test_a_fresh_server_holds_the_market(server: Vendor) -> None:
    """The tests above count pages; a change of the market must not pass unseen."""
    fill(server)
    assert {name: len(found) for name, found in server.tables.items()} == {
        "tickers": 11,
        "ticker_types": 1,
        "splits": 8,
        "dividends": 8,
        "option_contracts": 6,
    }
