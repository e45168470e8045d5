"""What makes dbt look again: everything that decides silver, and a lake that lost its word."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from flows import transform
from flows.transform import fingerprint, transformed
from lake.datasets import DATASETS
from lake.files import write_json
from lake.layout import Layout
from tests.dbt_project.bronze import write_day, write_splits


def prints(root: Path, features: list[str] | None = None) -> dict[str, str]:
    return {
        name: fingerprint(Layout(root), dataset, features) for name, dataset in DATASETS.items()
    }


def changed(root: Path, before: dict[str, str]) -> set[str]:
    return {name for name, now in prints(root).items() if now != before[name]}


def test_silver_depends_on_bronze_reference_features_and_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = prints(tmp_path)
    write_day(tmp_path, "stocks_daily", date(2024, 6, 3))
    # Moneyness has the close of the underlying.
    assert changed(tmp_path, before) == {"stocks_daily", "options_daily"}
    before = prints(tmp_path)
    write_day(tmp_path, "stocks_minute", date(2024, 6, 3))
    assert changed(tmp_path, before) == {"stocks_minute"}
    before = prints(tmp_path)
    # Splits, underlyings, and the types of gold's lists.
    write_splits(tmp_path, {})
    assert changed(tmp_path, before) == set(DATASETS)
    before = prints(tmp_path)
    assert prints(tmp_path, ["vwap"]) != before
    project = tmp_path / "project"
    (project / "macros").mkdir(parents=True)
    (project / "dbt_project.yml").touch()
    monkeypatch.setattr(transform, "DBT_PROJECT", project)
    other = prints(tmp_path)
    (project / "macros/formula.sql").write_text("select 1")
    assert changed(tmp_path, other) == set(DATASETS)


@pytest.mark.parametrize("lost", ["published", "transformed"])
def test_what_is_not_published_is_built_again(tmp_path: Path, lost: str) -> None:
    layout = Layout(tmp_path)
    entry = {"snapshot": 3, "run": "first"}
    write_json(layout.published, {"stocks_daily": entry})
    write_json(layout.transformed, {"stocks_daily": "print", "stocks_minute": "print"})
    layout.catalog.touch()
    assert transformed(layout) == {"stocks_daily": "print"}
    if lost == "published":
        layout.published.unlink()
    else:
        layout.transformed.write_text("{")
    assert transformed(layout) == {}
