"""Every DuckDB of the project obeys the same limits; each is asked what it goes by."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from flows.dbt import DBT_PROJECT, environment
from lake import engine, profile
from lake.catalog import connect
from lake.errors import UsageError
from lake.layout import Layout
from lake.settings import PROJECT
from lake.settings.lake import Lake
from tests.conftest import Ran

NAMES = (
    "memory_limit",
    "threads",
    "temp_directory",
    "max_temp_directory_size",
    "preserve_insertion_order",
    "TimeZone",
)
QUESTION = "select " + ", ".join(f"current_setting('{name}') as {name}" for name in NAMES)
JSON = ("--output", "json", "--log-format", "text")
LIMITS = profile.Limits("streaming", 2.0, 1, 2, 50_000, 1 << 22)
FREE = 10 * 1024 * engine.MIB


@pytest.fixture(autouse=True)
def disk(monkeypatch):
    """10 GiB are free."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(0, 0, FREE))


def expected(layout, order):
    return ("1.0 GiB", 1, str(layout.temp), "8.0 GiB", order, "UTC")


def test_a_connection_of_our_own(tmp_path):
    layout = Layout(tmp_path)
    with engine.connect(LIMITS.duckdb_memory, LIMITS.max_workers, layout.temp) as connection:
        assert connection.execute(QUESTION).fetchone() == expected(layout, False)


@pytest.mark.parametrize("in_order", [True, False])
def test_the_published_lake(ran: Ran, in_order):
    """True for a query, False for the export."""
    limits = (LIMITS.duckdb_memory, LIMITS.max_workers)
    with connect(ran.layout, *limits, in_order=in_order) as lake:
        assert lake.execute(QUESTION).fetchone() == expected(ran.layout, in_order)


@pytest.mark.slow(20)
def test_dbt(tmp_path):
    layout = Layout(tmp_path)
    dbt = str(Path(sys.executable).with_name("dbt"))
    process = subprocess.run(
        [dbt, "--quiet", "show", "--target", "local", *("--inline", QUESTION), *JSON],
        env=os.environ | environment(layout, LIMITS),
        cwd=DBT_PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stdout + process.stderr
    (row,) = json.loads(process.stdout[process.stdout.index("{") :])["show"]
    # That process sees the real disk; DuckDB's own would be "90% of available disk space".
    assert re.fullmatch(r"[\d.]+ [GT]iB", row.pop("max_temp_directory_size"))
    wanted = dict(zip(NAMES, expected(layout, False), strict=True))
    assert row == {name: wanted[name] for name in NAMES if name != "max_temp_directory_size"}


@pytest.mark.slow(20)
@pytest.mark.parametrize("value", ["0", "-1", "two", "2.5", ""])
def test_a_limit_that_is_no_number(monkeypatch, value):
    """Slow since it imports dbt."""
    from lake.dbt_plugin import Plugin

    monkeypatch.setenv("QUANTMINI_THREADS", value)
    plugin = Plugin("dbt_plugin", {})
    with pytest.raises(UsageError, match=rf"QUANTMINI_THREADS {re.escape(value)}: give a whole"):
        plugin.update_connection_config(None, {})


def test_spark_and_the_settings_have_one_default():
    files = [PROJECT / "profiles.yml", *(DBT_PROJECT / "macros").glob("*.sql")]
    text = "".join(path.read_text(encoding="utf-8") for path in files)
    defaults = re.findall(r"env_var\('QUANTMINI_LAKE', ([^)]*)\)", text)
    assert defaults == ["'../quantmini-lake'"] * 3
    assert (DBT_PROJECT / "../quantmini-lake").resolve() == Lake().root.resolve()


def test_no_stage_opens_duckdb_by_itself():
    """Else it would take most of the machine's memory and the current folder for its spill."""
    stages = ("flows", "gold_export", "ingest", "lake")
    files = [path for stage in stages for path in (PROJECT / stage).rglob("*.py")]
    words = ("duckdb.connect(", "duckdb.sql(", "duckdb.execute(", "duckdb.query(")
    found = {str(p.relative_to(PROJECT)) for p in files if any(w in p.read_text() for w in words)}
    assert found == {"lake/engine.py"}
