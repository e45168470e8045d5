"""Maintenance by the command a user runs, on a lake that went through the whole chain."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from lake import catalog
from lake.layout import Layout
from tests.conftest import Ran, quantmini

NOW = {"QUANTMINI_MAINTENANCE__KEEP_SNAPSHOTS_DAYS": "0"}


@pytest.fixture
def lake(ran: Ran, tmp_path: Path) -> Layout:
    """A lake of its own."""
    shutil.copytree(ran.layout.root, tmp_path / "lake", symlinks=True)
    return Layout(tmp_path / "lake")


def maintained(lake: Layout, *words: str, **environment: str) -> dict[str, Any]:
    """`quantmini maintain …`, its actions by name."""
    done = quantmini(lake.root, "maintain", *words, "--json", **environment)
    assert done.returncode == 0, done.stdout + done.stderr
    document = json.loads(done.stdout)
    assert document["failed"] == []
    return {facts["action"]: facts for facts in document["actions"]}


def served(lake: Layout) -> dict[str, list[tuple[Any, ...]]]:
    """Rows and a checksum of every published table."""
    with catalog.connect(lake, "1GB", 2) as connection:
        sql = "SELECT count(*), sum(hash(t)::HUGEINT) FROM silver.{} AS t"
        return {name: connection.sql(sql.format(name)).fetchall() for name in catalog.tables(lake)}


def test_upkeep_leaves_what_is_served_and_gold_as_it_was(ran: Ran, lake: Layout) -> None:
    before = served(lake)
    done = maintained(lake, **NOW)
    assert list(done) == ["expire", "compact"]
    assert done["expire"]["dropped"] > done["expire"]["left"]
    assert [table["table"] for table in done["compact"]["tables"]] == ["metadata.days"]
    assert served(lake) == before
    assert len(list(lake.backups.iterdir())) == 2
    again = quantmini(lake.root, "run", "--source", str(ran.source))
    assert again.stdout.startswith("nothing to do"), again.stdout


def test_there_has_to_be_silver(tmp_path: Path) -> None:
    done = quantmini(tmp_path, "maintain", "compact")
    assert done.returncode == 1
    assert done.stderr.endswith("run `quantmini run` first\n")
