"""The lake's disk is full, at each stage: it is said, what is published is served, it goes on."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gold_export import versions
from lake import catalog
from lake.datasets import DATASETS
from lake.layout import Layout
from tests.conftest import Ran, quantmini
from tests.gold_export.conftest import contents

NAME = "stocks_daily"
KIB = 1024


@pytest.fixture
def layout(ran: Ran, tmp_path: Path) -> Iterator[Layout]:
    """A lake that went through the whole chain, on a small disk of its own."""
    root = tmp_path / "lake"
    root.mkdir()
    mount = shutil.which("mount")
    words = [str(mount), "-t", "tmpfs", "-o", "size=192m", "quantmini", str(root)]
    if mount is None or subprocess.run(words, capture_output=True, check=False).returncode:
        pytest.skip("file systems cannot be mounted here")
    try:
        shutil.copytree(ran.layout.root, root, symlinks=True, dirs_exist_ok=True)
        yield Layout(root)
    finally:
        subprocess.run(["umount", "--lazy", str(root)], check=True)


@pytest.fixture
def restated(ran: Ran, tmp_path: Path) -> Path:
    """A source whose last day of stocks differs from the lake's by a volume."""
    source = tmp_path / "source"
    shutil.copytree(ran.source / DATASETS[NAME].prefix, source / DATASETS[NAME].prefix)
    path = max(source.rglob("*.csv.gz"))
    header, first, *rest = gzip.decompress(path.read_bytes()).decode().splitlines(keepends=True)
    symbol, volume, values = first.split(",", 2)
    text = "".join([header, f"{symbol},1{volume},{values}", *rest])
    path.write_bytes(gzip.compress(text.encode()))
    return source


def served(layout: Layout) -> tuple[list[tuple[Any, ...]], dict[str, bytes]]:
    """Rows and a checksum of a published table, and all of its store."""
    with catalog.connect(layout, "512MiB", 1) as connection:
        sql = f"SELECT count(*), sum(hash(t)::HUGEINT) FROM silver.{NAME} AS t"
        return connection.sql(sql).fetchall(), contents(layout.gold(NAME))


def refused(layout: Layout, *command: str, free: int) -> None:
    """A command that finds this many free bytes: it says so and harms nothing."""
    before, ballast = served(layout), layout.root / "ballast"
    with ballast.open("wb") as file:
        space = shutil.disk_usage(layout.root).free
        os.posix_fallocate(file.fileno(), 0, space - free)
    done = quantmini(layout.root, *command)
    assert done.returncode == 1, done.stdout + done.stderr
    [line] = done.stderr.splitlines()
    assert line.startswith(f"quantmini: no space left on the disk of {layout.root} (")
    assert served(layout) == before
    ballast.unlink()


def done(layout: Layout, *command: str) -> str:
    process = quantmini(layout.root, *command)
    assert process.returncode == 0, process.stdout + process.stderr
    return process.stdout


@pytest.mark.slow(50)
def test_each_stage_meets_a_full_disk(layout: Layout, restated: Path) -> None:
    before = served(layout)
    ingest = ["ingest", NAME, "--source", str(restated)]
    # The page that the writer's process number takes.
    refused(layout, *ingest, free=os.sysconf("SC_PAGE_SIZE"))
    assert "1 days" in done(layout, *ingest)

    # Enough for a start, not for what is written, once nothing old makes room for it.
    shutil.rmtree(layout.dbt_target)
    refused(layout, "transform", NAME, free=40 * KIB)
    assert f"{NAME} passed" in done(layout, "transform", NAME)
    assert served(layout)[0] != before[0]

    for spare in versions.complete(layout, NAME)[:-1]:
        versions.discard(spare)
    refused(layout, "export", NAME, free=300 * KIB)
    assert served(layout)[1] == before[1]
    assert "up to date" not in done(layout, "export", NAME)
    assert served(layout)[1] != before[1]

    refused(layout, "maintain", "compact", free=40 * KIB)
    assert not any(layout.backups.glob(".*"))
    assert "deleted" in done(layout, "maintain", "compact")
    again = done(layout, "run", NAME, "--source", str(restated))
    assert again.startswith("nothing to do")
