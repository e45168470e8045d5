"""Maintenance by the command a user runs, on a lake that went through the whole chain."""

from __future__ import annotations

import json
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from flows import upkeep, verification
from flows.gate import Gate
from flows.maintain import words
from gold_export.compare import VerifyReport
from gold_export.options import STORES
from gold_export.versions import sources
from ingest.bronze import FOOTER_KEY
from ingest.verify import Checked
from lake import catalog
from lake.datasets import DATASETS
from lake.layout import Layout
from lake.maintenance.verify import Difference, silver_against_bronze
from lake.settings import Settings
from lake.settings.lake import Lake
from lake.settings.maintenance import Maintenance
from lake.settings.processing import Processing
from tests.conftest import Ran, quantmini
from tests.dbt_project.bronze import attached, write_day
from tests.flows.counts import csv_rows

SNAPSHOTS = "SELECT snapshot_id FROM ducklake_snapshots('lake')"
NOW = {"QUANTMINI_MAINTENANCE__KEEP_SNAPSHOTS_DAYS": "0"}


@pytest.fixture
def lake(ran: Ran, tmp_path: Path) -> Layout:
    """A lake of its own, in a folder whose name SQL has to quote."""
    root = tmp_path / "o'b lake"
    shutil.copytree(ran.layout.root, root, symlinks=True)
    return Layout(root)


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


@pytest.mark.slow(50)
def test_upkeep_leaves_what_is_served_and_gold_as_it_was(ran: Ran, lake: Layout) -> None:
    before = served(lake)
    done = maintained(lake, **NOW)
    assert list(done) == ["archive", "expire", "compact", "verify"]
    assert done["expire"]["dropped"] > done["expire"]["left"]
    assert done["compact"]["tables"] == []
    assert served(lake) == before
    assert len(list(lake.backups.iterdir())) == 3
    assert done["verify"]["silver"] == {
        name: sum(rows for (of, _), rows in csv_rows(ran.source).items() if of == name)
        for name in DATASETS
    }
    assert all(facts["days"] == 25 for facts in done["verify"]["bronze"].values())
    assert {store["store"] for store in done["verify"]["gold"]} == set(STORES)
    assert done["verify"]["unknown_files"] == []
    said = words({"actions": [*done.values()], "failed": []}).splitlines()
    assert said[0] == "archive: landing is kept (maintenance.landing)"
    assert said[1].startswith(f"expire: {done['expire']['dropped']:,} snapshots dropped, ")
    assert said[2] == "compact: nothing to do"
    rows = done["verify"]["silver"]["stocks_daily"]
    text = f"25 days of landing converted again; {rows:,} rows of silver compared with bronze"
    assert f"verify: stocks_daily {text}" in said
    assert sum(line.startswith("verify: gold ") for line in said) == len(STORES)
    again = quantmini(lake.root, "run", "--source", str(ran.source))
    assert again.stdout.startswith("nothing to do"), again.stdout


def test_expiry_keeps_what_gold_was_made_from(one_row_less: Layout) -> None:
    wanted = Maintenance(keep_snapshots_days=0)
    settings = Settings(lake=Lake(root=one_row_less.root), maintenance=wanted)
    made_from = {snapshot for store in STORES for snapshot in sources(one_row_less, store).values()}
    published = {table.snapshot for table in catalog.tables(one_row_less).values()}
    assert not made_from & published
    assert upkeep.expire_stage(settings, one_row_less)["dropped"] > 0
    with attached(one_row_less.root, read_only=True) as lake:
        left = {n for (n,) in lake.execute(SNAPSHOTS).fetchall()}
    assert made_from | published <= left


def test_silver_that_differs_is_told(lake: Layout) -> None:
    dataset = DATASETS["options_daily"]
    changed, gone = list(lake.bronze_files(dataset).values())[3:5]
    footer = pl.read_parquet_metadata(changed)[FOOTER_KEY]
    rows = pl.read_parquet(changed).with_columns(pl.col("volume") + 1)
    rows.write_parquet(changed, metadata={FOOTER_KEY: footer})
    gone.unlink()
    with catalog.connect(lake, "1GB", 2) as connection:
        _, found = silver_against_bronze(connection, lake, dataset)
        assert [str(difference.date) for difference in found] == [changed.stem, gone.stem]
        assert "other values" in found[0].error
        assert "bronze has 0 rows" in found[1].error
        short, flipped = list(lake.bronze_files(dataset).values())[6:8]
        content = bytearray(flipped.read_bytes())
        content[4:200] = bytes(196)
        flipped.write_bytes(content)
        short.write_bytes(short.read_bytes()[:500])
        rows_read, found = silver_against_bronze(connection, lake, dataset)
        assert [str(difference.date) for difference in found] == [short.stem, flipped.stem]
        assert f"{short} cannot be read; move it away, then `quantmini run`" in found[0].error
        for path in lake.bronze_files(dataset).values():
            path.unlink()
        rows_read, found = silver_against_bronze(connection, lake, dataset)
        assert (rows_read, len(found)) == (0, 25)


@pytest.mark.slow(50)
def test_damage_in_any_layer_fails_the_command(lake: Layout) -> None:
    changed, *_ = lake.bronze_files(DATASETS["options_daily"]).values()
    footer = pl.read_parquet_metadata(changed)[FOOTER_KEY]
    rows = pl.read_parquet(changed).with_columns(pl.col("volume") + 1)
    rows.write_parquet(changed, metadata={FOOTER_KEY: footer})
    lost, *_ = (lake.root / "silver/stocks_daily").rglob("*.parquet")
    lost.unlink()
    value = lake.gold("stocks_minute") / "features/quad/close.1min.bin"
    value.write_bytes(value.read_bytes()[:-4] + b"\0\0\0\0")
    done = quantmini(lake.root, "maintain", "verify", "--json")
    assert done.returncode == 1, done.stdout + done.stderr
    failed = json.loads(done.stdout)["failed"]
    told = {(entry["dataset"], "maintain rebuild" in entry["error"]) for entry in failed}
    assert told == {
        # From landing, and from silver.
        ("options_daily", False),
        ("options_daily", True),
        ("stocks_daily", True),
        ("gold stocks_daily", True),
        ("gold stocks_minute", False),
    }
    assert lost.name in next(e["error"] for e in failed if e["dataset"] == "stocks_daily")

    # A store that is current is compared, one that is gone is made.
    for option in (["--verify"], []):
        export = quantmini(lake.root, "export", "stocks_daily", "options_daily", "--json", *option)
        assert export.returncode == 1, export.stdout + export.stderr
        stores = {store["store"]: store for store in json.loads(export.stdout)["gold"]}
        assert "maintain rebuild" in stores["stocks_daily"]["error"]
        assert stores["options"]["skipped"]
        lake.gold("stocks_daily").unlink(missing_ok=True)
        shutil.rmtree(lake.gold_versions("stocks_daily"), ignore_errors=True)


@pytest.fixture
def nothing_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever there is to compare is equal, and takes no time."""
    equal: list[Difference] = []
    monkeypatch.setattr(verification, "bronze_against_landing", lambda *_: Checked(1, 0, equal))
    monkeypatch.setattr(verification, "silver_against_bronze", lambda *_: (1, equal))
    monkeypatch.setattr(
        verification, "verify_gold", lambda *given: VerifyReport(given[-1], 1, 1, 0, 0.0, "")
    )


def told(lake: Layout, **processing: bool) -> dict[str, str]:
    settings = Settings(lake=Lake(root=lake.root), processing=Processing(**processing))
    failed = verification.verify_stage(settings, lake)["failed"]
    return {difference["dataset"]: difference["error"] for difference in failed}


@pytest.mark.slow(5)
def test_a_store_that_is_gone_is_told(ran: Ran, tmp_path: Path, nothing_differs: None) -> None:
    lake, large = Layout(tmp_path), shutil.ignore_patterns("landing", "bronze", "features")
    shutil.copytree(ran.layout.root, lake.root, symlinks=True, ignore=large, dirs_exist_ok=True)
    assert told(lake) == {}
    lake.gold("stocks_daily").unlink()
    shutil.rmtree(lake.gold_versions("options"))
    (lake.gold("stocks_minute") / "export.json").write_text("{}")
    assert told(lake) == {
        f"gold {store}": f"{lake.gold(store)} is missing or damaged; `quantmini export` makes it "
        "again"
        for store in STORES
    }
    assert told(lake, enable_binary_conversion=False) == {}
    published = json.loads(lake.published.read_text())
    stocks = {name: entry for name, entry in published.items() if "options" not in name}
    lake.published.write_text(json.dumps(stocks))
    assert "gold options" not in told(lake)


@pytest.mark.parametrize("part", ["bronze_against_landing", "silver_against_bronze", "verify_gold"])
def test_what_goes_wrong_with_one_is_told_and_the_others_are_compared(
    ran: Ran, nothing_differs: None, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    compare, asked = getattr(verification, part), []

    def compared(*arguments: Any) -> Any:
        asked.append(arguments)
        if len(asked) == 2:
            raise ZeroDivisionError("some\nthing")
        return compare(*arguments)

    monkeypatch.setattr(verification, part, compared)
    name = "gold stocks_minute" if part == "verify_gold" else "stocks_minute"
    text = "not verified, ZeroDivisionError: some; logs/errors has the traceback"
    assert told(ran.layout) == {name: text}
    assert len(asked) == (3 if part == "verify_gold" else 4)


@pytest.mark.slow(50)
def test_rebuilt_from_bronze_when_the_catalog_is_damaged(ran: Ran, lake: Layout) -> None:
    before = served(lake)
    lake.catalog.write_bytes(b"SQLite format 3\0 and then nothing of the kind" * 1000)
    done = quantmini(lake.root, "maintain", "compact")
    assert done.returncode == 1
    assert "is damaged" in done.stderr
    # Also where nothing is new.
    done = quantmini(lake.root, "run", "--source", str(ran.source))
    assert done.returncode == 1
    assert "is damaged" in done.stderr
    facts = maintained(lake, "rebuild")["rebuild"]
    assert set(facts["verdicts"].values()) == {"passed"}
    assert (Path(facts["set_aside"]) / "catalog.sqlite").exists()
    assert facts["removed_files"] > 0
    said = words({"actions": [facts], "failed": []})
    assert said.startswith("rebuild: stocks_daily passed, ")
    assert f"the old catalog is in {facts['set_aside']}\n" in said
    assert f"rebuild: {facts['removed_files']} files of the old silver removed" in said
    assert served(lake) == before


def test_a_data_set_that_was_not_built_fails_a_rebuild(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_day(tmp_path, "stocks_daily", date(2024, 6, 3))
    monkeypatch.setattr(upkeep, "transform", lambda *_, **__: Gate({"stocks_daily": "failed"}))
    document = upkeep.maintained(Settings(lake=Lake(root=tmp_path)), "rebuild")
    [failure] = document["failed"]
    assert (failure["dataset"], failure["error"]) == ("stocks_daily", "not built")
    # There was no catalog to set aside.
    assert not Layout(tmp_path).backups.exists()
    assert words(document).splitlines() == [
        "rebuild: stocks_daily failed; gold follows with `quantmini export`",
        "FAILED stocks_daily: not built",
    ]


def test_there_has_to_be_silver(tmp_path: Path) -> None:
    done = quantmini(tmp_path, "maintain", "compact")
    assert done.returncode == 1
    assert done.stderr.endswith("run `quantmini run` first\n")
