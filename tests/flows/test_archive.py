"""Expired options by the command a user runs: out of silver, and nobody misses them."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import lake
from flows.archiving import archive_stage
from flows.exporting import export_stage
from flows.request import Request
from gold_export.versions import STATE
from lake import catalog
from lake.archive import NAMES
from lake.datasets import DATASETS, pick
from lake.errors import UsageError
from lake.layout import Layout
from lake.maintenance.verify import silver_against_bronze
from lake.settings import Settings, load
from lake.settings.lake import Lake as Place
from lake.settings.maintenance import Maintenance
from tests.conftest import Ran, quantmini
from tests.gold_export.conftest import contents

MONTHS = {"QUANTMINI_MAINTENANCE__EXPIRED_OPTIONS_MONTHS": "1"}


def rows(layout: Layout) -> dict[str, list[Any]]:
    """Every row of options, archived or not."""
    with catalog.connect(layout, "1GB", 2) as opened:
        return {
            name: opened.sql(f"SELECT * FROM silver.{name} ORDER BY ALL").fetchall()
            for name in NAMES
        }


def content(layout: Layout) -> dict[str, bytes]:
    """All files of the store of options but its state, which names the snapshot."""
    found = contents(layout.gold("options"))
    return {name: held for name, held in found.items() if name != STATE}


def exported(layout: Layout) -> dict[str, Any]:
    """The outcome of the store of options."""
    settings = Settings(lake=Place(root=layout.root))
    asked = Request(settings, pick(["options_daily"]), command="export")
    [outcome] = export_stage(asked, settings.limits())
    return outcome


@pytest.mark.slow(60)
def test_archived_options_are_missed_by_nobody(ran: Ran, tmp_path: Path) -> None:
    layout = Layout(shutil.copytree(ran.layout.root, tmp_path / "lake", symlinks=True))
    before, gold = rows(layout), content(layout)

    ended = quantmini(layout.root, "maintain", "archive", "--json", **MONTHS)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    [done] = json.loads(ended.stdout)["actions"]
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

    # A store that is updated and one made anew are the same as before.
    assert exported(layout)["incremental"]
    assert content(layout) == gold
    layout.gold("options").unlink()
    shutil.rmtree(layout.gold_versions("options"))
    [path, *_] = sorted(layout.expired_options("options_daily").iterdir())
    path.rename(tmp_path / path.name)
    assert f"{path} is missing; put it back" in exported(layout)["error"]
    health = json.loads(quantmini(layout.root, "status", "--json").stdout)
    assert (
        f"{path} is missing; put it back, or run `quantmini maintain rebuild`" in health["problems"]
    )
    (tmp_path / path.name).rename(path)
    assert not exported(layout)["incremental"]
    assert content(layout) == gold
    with catalog.connect(layout, "1GB", 2) as opened:
        for name in NAMES:
            _, differences = silver_against_bronze(opened, layout, DATASETS[name])
            assert differences == []
    again = quantmini(layout.root, "run", "--source", str(ran.source))
    assert again.stdout.startswith("nothing to do"), again.stdout


@pytest.mark.slow(9)
def test_months_are_whole_ones_before_this(one_row_less: Layout) -> None:
    """So long ago that no option has expired."""
    wanted = Maintenance(expired_options_months=50 * 12 + 1)
    settings = Settings(lake=Place(root=one_row_less.root), maintenance=wanted)
    this_month = datetime.now(UTC).date().replace(day=1)
    last_month = (this_month - timedelta(days=1)).replace(day=1)
    facts = archive_stage(settings, one_row_less)["expired_options"]
    assert facts["archived"] == []
    assert facts["before"] == last_month.replace(year=last_month.year - 50)


def test_a_shared_lake_refuses(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Before anything is touched: neither the database nor the bucket is there."""
    for name, value in {
        "MAINTENANCE__EXPIRED_OPTIONS_MONTHS": "1",
        "LAKE__CATALOG": "postgresql://nobody:nothing@127.0.0.1:1/none",
        "LAKE__DATA_PATH": "s3://none/none",
        "LAKE__S3_ACCESS_KEY_ID": "none",
        "LAKE__S3_SECRET_ACCESS_KEY": "none",
        "LAKE__ROOT": str(tmp_path),
    }.items():
        monkeypatch.setenv(f"QUANTMINI_{name}", value)
    settings = load()
    with pytest.raises(UsageError, match="expired_options_months is not for"):
        archive_stage(settings, settings.lake.layout())
