"""Runs that meet another run, are stopped or are killed: nothing is broken, the next completes."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from lake.datasets import DATASETS
from lake.errors import LakeBusy
from lake.layout import Layout
from lake.lock import descriptors, writing
from tests.conftest import Ran, quantmini
from tests.flows.counts import csv_rows, silver_rows
from tests.processes import until

NAME = "stocks_daily"
# Seconds between two looks at what may be over in a moment.
SOON = 0.005


def started(lake: Path, source: Path) -> psutil.Popen:
    """`quantmini run` as a process under way."""
    program = Path(sys.executable).with_name("quantmini")
    return psutil.Popen(
        [str(program), "run", NAME, "--source", str(source)],
        env=os.environ | {"QUANTMINI_LAKE": str(lake)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def stopped(process: psutil.Popen) -> None:
    """Send SIGTERM: it ends with the signal's exit code and a message, and so do its children."""
    children = process.children(recursive=True)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (128 + signal.SIGTERM, ""), err
    assert err == (
        "quantmini: stopped by SIGTERM; what is done stays, and the same command goes on "
        "from there\n"
    )
    _, left = psutil.wait_procs(children, timeout=10)
    assert not [child for child in left if child.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.slow(50)
def test_sigterm_in_each_stage_and_two_runs_at_once(ran: Ran, tmp_path: Path) -> None:
    source, lake = tmp_path / "source", tmp_path / "lake"
    prefix = DATASETS[NAME].prefix
    shutil.copytree(ran.source / prefix, source / prefix)
    layout = Layout(lake)

    in_ingest = started(lake, source)
    until(lambda: layout.bronze_files(DATASETS[NAME]), in_ingest, pause=SOON)
    stopped(in_ingest)

    in_dbt = started(lake, source)
    until(layout.catalog.exists, in_dbt, pause=SOON)
    second = quantmini(lake, "run", NAME, "--source", str(source))
    assert second.returncode == 1
    assert f"process {in_dbt.pid} is writing to {lake}" in second.stderr
    stopped(in_dbt)
    assert not layout.published.exists()

    in_export = started(lake, source)
    until(in_export.children, in_export, pause=SOON)
    until(lambda: not in_export.children(), in_export, pause=SOON)
    stopped(in_export)
    assert layout.published.exists()

    last = quantmini(lake, "run", NAME, "--source", str(source))
    assert last.returncode == 0, last.stdout + last.stderr
    assert layout.gold(NAME).exists()
    again = quantmini(lake, "run", NAME, "--source", str(source))
    assert again.stdout.startswith("nothing to do")
    assert silver_rows(layout, [NAME]) == csv_rows(source)


def test_a_child_that_outlives_its_parent_keeps_the_lock(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    with writing(layout):
        child = subprocess.Popen(
            ["/bin/cat"], stdin=subprocess.PIPE, pass_fds=descriptors(), text=True
        )
    with pytest.raises(LakeBusy), writing(layout):
        pass
    child.communicate()
    with writing(layout):
        pass
