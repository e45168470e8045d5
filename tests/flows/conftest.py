"""What several tests of the whole chain share; pyqlib is the judge here, too."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from lake.files import read_json, write_json
from lake.layout import Layout
from tests.conftest import Ran
from tests.dbt_project.bronze import attached
from tests.gold_export.conftest import read, reader

__all__ = ["read", "reader"]


@pytest.fixture
def one_row_less(ran: Ran, tmp_path: Path) -> Layout:
    """A lake of its own, published anew after a row of stocks_daily was deleted; gold is behind."""
    layout = Layout(tmp_path / "lake")
    shutil.copytree(ran.layout.root, layout.root, symlinks=True)
    with attached(layout.root, read_only=False) as lake:
        where = "symbol = 'QUAD' AND date = '2024-06-04'"
        lake.execute(f"DELETE FROM lake.silver.stocks_daily WHERE {where}")
        sql = "SELECT max(snapshot_id) FROM ducklake_snapshots('lake')"
        ((snapshot,),) = lake.execute(sql).fetchall()
    served = read_json(layout.published)
    write_json(layout.published, {n: table | {"snapshot": snapshot} for n, table in served.items()})
    return layout
