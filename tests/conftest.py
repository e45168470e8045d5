"""Shared by all tests: one small market that went through the whole chain, and the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from flows.dbt import DBT_PROJECT
from ingest.sample_market import write_sample_market
from lake.layout import Layout
from lake.settings import PROJECT

SHARED = PROJECT.parent / "shared"
# The variable of dbt that says where to find what it has parsed.
PARSED = "DBT_PARTIAL_PARSE_FILE_PATH"


def quantmini(lake: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command line as a user does, on a lake of its own, and return what it printed."""
    clean = {name: value for name, value in os.environ.items() if "PREFECT" not in name}
    return subprocess.run(
        [str(Path(sys.executable).with_name("quantmini")), *arguments],
        env=clean | {"QUANTMINI_LAKE": str(lake)} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def parse(folder: Path, target: str = "local") -> Path:
    """What dbt has parsed, which fits every lake: the first of pytest's processes does it."""
    found = folder / f"parsed-{target}/partial_parse.msgpack"
    with FileLock(folder / f"parsed-{target}.lock"):
        if not found.exists():
            program = str(Path(sys.executable).with_name("dbt"))
            subprocess.run(
                [program, "--quiet", "parse", "--target", target],
                env=os.environ
                | {"DBT_TARGET_PATH": str(found.parent), "DBT_LOG_PATH": str(found.parent)},
                cwd=DBT_PROJECT,
                check=True,
            )
    return found


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files come first, so that none is left for the end alone.

    `slow` may say how many seconds its file takes, roughly and beside others. Of the others one
    that needs the lake of all comes first and the rest last, so that few wait while it is made.
    """
    seconds: Counter[Path] = Counter()
    for item in items:
        if marker := item.get_closest_marker("slow"):
            seconds[item.path] = max(seconds[item.path], *marker.args, 1)
    waiting = {item.path: None for item in items if "ran" in getattr(item, "fixturenames", ())}
    late = [*waiting][1:]
    items.sort(key=lambda item: (-seconds[item.path], item.path in late))


@dataclass(frozen=True)
class Ran:
    """A lake after `quantmini run`: its paths, its source folder, and the JSON that run printed."""

    layout: Layout
    source: Path
    document: dict[str, Any]


def run(lake: Path, source: Path, *datasets: str) -> Ran:
    """Run the whole chain on a folder of flat files; it has to succeed."""
    process = quantmini(lake, "run", *datasets, "--source", str(source), "--json")
    assert process.returncode == 0, process.stdout + process.stderr
    return Ran(Layout(lake), source, json.loads(process.stdout))


@pytest.fixture(scope="session")
def common_folder(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A folder that all of pytest's processes share."""
    own = tmp_path_factory.getbasetemp()
    return own if worker_id == "master" else own.parent


@pytest.fixture(scope="session")
def parsed(common_folder: Path) -> None:
    """Every dbt from now on finds the project parsed."""
    os.environ[PARSED] = str(parse(common_folder))


@pytest.fixture(autouse=True)
def parsed_if_slow(request: pytest.FixtureRequest) -> None:
    """Most slow tests run dbt, quick ones by `ran` alone."""
    if request.node.get_closest_marker("slow"):
        request.getfixturevalue("parsed")


@pytest.fixture(scope="session")
def ran(common_folder: Path, parsed: None) -> Ran:
    """A market of 25 sessions, so that windows of 20 rows are full, through the whole chain.

    The first of pytest's processes that needs it makes it for all; tests leave it as it is.
    """
    source, lake, printed = (common_folder / name for name in ("market", "lake", "ran.json"))
    with FileLock(common_folder / "ran.lock"):
        if not printed.exists():
            write_sample_market(source, sessions=25, symbols=4, strikes=3)
            printed.write_text(json.dumps(run(lake, source).document), encoding="utf-8")
    return Ran(Layout(lake), source, json.loads(printed.read_text(encoding="utf-8")))


@pytest.fixture(scope="session")
def real_sample() -> Path:
    """Real market data in flat-file layout, where this checkout has it beside it."""
    folder = SHARED / "data/real-sample"
    if not folder.is_dir():
        pytest.skip("no real sample beside this checkout")
    return folder
