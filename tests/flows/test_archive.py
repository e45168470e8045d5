"""Expired options by the command a user runs: out of silver, and nobody misses them."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import lake
from lake import catalog
from lake.archive import NAMES
from lake.datasets import DATASETS
from lake.layout import Layout
from lake.maintenance.verify import silver_against_bronze
from tests.conftest import Ran, quantmini

MONTHS = {"QUANTMINI_MAINTENANCE__EXPIRED_OPTIONS_MONTHS": "1"}


def rows(layout: Layout) -> dict[str, list[Any]]:
    """Every row of options, archived or not."""
    with catalog.connect(layout, "1GB", 2) as opened:
        return {
            name: opened.sql(f"SELECT * FROM silver.{name} ORDER BY ALL").fetchall()
            for name in NAMES
        }


def content(store: Path) -> dict[str, str]:
    """All files of a Qlib store but its state, which names the snapshot."""
    return {
        str(path.relative_to(store)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(store.rglob("*"))
        if path.is_file() and path.name != "export.json"
    }


def document(done: Any) -> Any:
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
def test_archived_options_are_missed_by_nobody(ran: Ran, tmp_path: Path) -> None:
    layout = Layout(shutil.copytree(ran.layout.root, tmp_path / "lake", symlinks=True))
    before, gold = rows(layout), content(layout.gold("options").resolve())

    [done] = document(quantmini(layout.root, "maintain", "archive", "--json", **MONTHS))["actions"]
    moved = dict.fromkeys(NAMES, 0)
    for month in done["expired_options"]["archived"]:
        moved[month["dataset"]] += month["rows"]
    assert moved == {name: len(before[name]) for name in NAMES}
    assert done["expired_options"]["waiting"] == []
    assert rows(layout) == before
    ticker = before["options_daily"][0][0]
    with lake.connect(layout.root) as db:
        for name in NAMES:
            assert db.sql(f"SELECT count(*) FROM silver.{name}").fetchall() == [(0,)]
            found = db.sql(f"SELECT * FROM archive.{name} ORDER BY ALL").fetchall()
            assert found == before[name]
        assert db.bars(ticker).fetchall() == [
            row for row in before["options_daily"] if row[0] == ticker
        ]
        assert db.chain("NA").fetchall()

    # A store made anew and one that is updated are the same as before.
    for whole in (False, True):
        if whole:
            layout.gold("options").unlink()
            shutil.rmtree(layout.gold_versions("options"))
        stores = document(quantmini(layout.root, "export", "--json"))["gold"]
        [options] = [store for store in stores if store["store"] == "options"]
        assert options["incremental"] is not whole
        assert content(layout.gold("options").resolve()) == gold
    with catalog.connect(layout, "1GB", 2) as opened:
        for name in NAMES:
            _, differences = silver_against_bronze(opened, layout, DATASETS[name])
            assert differences == []
    again = quantmini(layout.root, "run", "--source", str(ran.source), "--json")
    assert {store["skipped"] for store in document(again)["gold"]} == {True}
