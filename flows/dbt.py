"""Running dbt: a process of its own, so that its memory and its hold on the catalog end with it."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from flows.gate import read_results
from lake.datasets import DATASETS, Dataset
from lake.disk import disk_full, says_full
from lake.files import read_json
from lake.layout import Layout
from lake.lock import descriptors
from lake.profile import Limits
from lake.settings import PROJECT

log = logging.getLogger(__name__)

# The wheel carries the dbt project beside this module; in a checkout it lies at the top.
_PACKAGED = Path(__file__).with_name("dbt_project")
DBT_PROJECT = _PACKAGED if _PACKAGED.exists() else PROJECT / "dbt_project"
# DuckDB needs about a KiB a row for a batch's windows, spilling aside.
BYTES_PER_BATCH_ROW = 1024
# Machines that share a catalog may change one table at once, a seed say: DuckLake refuses one of
# them, which then begins again.
CONFLICT, TRIES = "Transaction conflict", 4


def arguments(datasets: list[Dataset], *, audit: bool = False) -> list[str]:
    """The dbt command that builds these data sets with all that they need, or only tests them.

    Unit tests judge the code, not the data, so a nightly run leaves them out.
    """
    if audit:
        names = [dataset.name for dataset in datasets]
        return ["test", "--exclude-resource-type", "unit_test", "--select", *names]
    # `@` takes what is made from a data set along, and all that those need.
    some = ["--select", *(f"@{dataset.name}" for dataset in datasets)]
    selection = some if len(datasets) < len(DATASETS) else []
    return ["build", "--exclude-resource-type", "unit_test", *selection]


def environment(layout: Layout, limits: Limits) -> dict[str, str]:
    """The variables that dbt and its plugin (lake/dbt_plugin.py) read."""
    memory = limits.duckdb_memory
    rows = int(memory.removesuffix("MiB")) * 2**20 // BYTES_PER_BATCH_ROW
    return {
        "QUANTMINI_LAKE": str(layout.root),
        "QUANTMINI_MEMORY_LIMIT": memory,
        "QUANTMINI_THREADS": str(limits.max_workers),
        "QUANTMINI_BATCH_ROWS": str(max(1, rows)),
        "DBT_TARGET_PATH": str(layout.dbt_target),
        "DBT_LOG_PATH": str(layout.log("pipeline")),
        "DBT_PROJECT_DIR": str(DBT_PROJECT),
        "DBT_PROFILES_DIR": str(DBT_PROJECT),
    }


def build(
    layout: Layout,
    limits: Limits,
    datasets: list[Dataset],
    timing: Path | None = None,
    *,
    rebuild: bool = False,
    audit: bool = False,
) -> dict[str, Any]:
    """Run dbt; give what was built and what failed.

    Args:
        layout: the lake.
        limits: DuckDB's memory and threads.
        datasets: what to build.
        timing: where dbt is to write a profile of itself.
        rebuild: build silver anew.
        audit: only run the tests, which publish what passes them.

    Returns:
        What `read_results` says. A run that dies before it has results is a failure of every data
        set.

    Raises:
        DiskFull: dbt met a full disk.
    """
    run_results = layout.dbt_target / "run_results.json"
    program = [str(Path(sys.executable).with_name("dbt")), "--no-use-colors"]
    if timing is not None:
        timing.parent.mkdir(parents=True, exist_ok=True)
        program += ["--record-timing-info", str(timing)]
    target = ["--target", "shared" if layout.shared else "local"]
    words = arguments(datasets, audit=audit)
    command = [*program, *words, *target, *(["--full-refresh"] if rebuild else [])]
    process = _unless_it_loses(command, environment(layout, limits), run_results)
    if process.returncode and says_full(process.stdout + process.stderr):
        # A dbt that ends like that may leave the catalog's write-ahead log behind, and to read that
        # takes some space; what parsing can make again gives it.
        shutil.rmtree(layout.dbt_target, ignore_errors=True)
        raise disk_full(layout.root)
    for line in process.stdout.splitlines():
        log.debug("%s", line)
    if not run_results.exists():
        message = (process.stdout + process.stderr).strip()[-2000:]
        failures = [{"dataset": d.name, "node": "dbt", "message": message} for d in datasets]
        return {
            "models": [],
            "seconds": {},
            "failures": failures,
            "warnings": [],
            "unfinished": {dataset.name for dataset in datasets},
        }
    return read_results(
        read_json(run_results), read_json(layout.dbt_target / "manifest.json"), datasets, layout
    )


def _unless_it_loses(
    command: list[str], variables: dict[str, str], run_results: Path
) -> subprocess.CompletedProcess[str]:
    """One dbt after another, until one does not lose to a commit of another machine."""
    for left in reversed(range(TRIES)):
        run_results.unlink(missing_ok=True)
        process = run(command, variables)
        if not left or CONFLICT not in process.stdout + process.stderr:
            break
        log.warning("dbt lost to another machine's commit; it begins again")
    return process


def run(command: list[str], variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """One dbt process, which keeps the locks of this one while it lives."""
    log.info("running %s", " ".join(command[1:]))
    return subprocess.run(
        command,
        env=os.environ | variables,
        cwd=DBT_PROJECT,
        capture_output=True,
        text=True,
        check=False,
        pass_fds=descriptors(),
    )
