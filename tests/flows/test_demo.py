"""The demo beside data that is not made up; that it runs is tests/test_wheel.py's."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from flows.demo import prepare
from lake.errors import UsageError
from lake.settings import Settings
from lake.settings.lake import Lake
from tests.dbt_project.bronze import write_day


def test_prices_that_are_made_up_are_not_mixed_with_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QUANTMINI_LAKE", str(tmp_path))
    settings = Settings(lake=Lake(root=tmp_path))
    write_day(tmp_path, "stocks_daily", date(2024, 6, 3))
    with pytest.raises(UsageError, match="holds other data; set QUANTMINI_LAKE to an empty folder"):
        prepare(settings)
    assert not (tmp_path / "landing").exists()
