"""Running dbt: a process of its own, so that its memory and its hold on the catalog end with it."""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lake import catalog, engine
from lake.datasets import DATASETS, Dataset
from lake.disk import disk_full, says_full
from lake.files import read_json, write_json
from lake.inventory import written
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
SEVERITY = {
    "error": "failures",
    "fail": "failures",
    "runtime error": "failures",
    "warn": "warnings",
}


@dataclass
class Gate:
    """The verdict on each data set: `passed`, `failed` or `unchanged`; what failed, what warned.

    A finding is a document with `dataset`, `node`, `message` and, for a test, `rows`: the Parquet
    file of the rows it is about. `written` has, for each table of silver that got rows, `dataset`
    (or `table`, where it is none), `rows`, `bytes` and the `seconds` of its model.
    """

    verdicts: dict[str, str]
    failures: list[dict[str, str]] = field(default_factory=list)
    warnings: list[dict[str, str]] = field(default_factory=list)
    written: list[dict[str, Any]] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether no data set failed."""
        return "failed" not in self.verdicts.values()


def transform(
    layout: Layout,
    limits: Limits,
    datasets: list[Dataset],
    features: dict[str, list[str]],
    timing: Path | None = None,
    *,
    rebuild: bool = False,
) -> Gate:
    """Bring silver up to bronze with `dbt build`, unless nothing changed since it last passed.

    Args:
        layout: the lake.
        limits: DuckDB's memory and threads, and with them the size of a batch.
        datasets: what to build.
        features: the configured features, which dbt reads from the settings itself; a change of
            them is a change of silver.
        timing: where dbt is to write a profile of itself, for Python's pstats.
        rebuild: build silver anew from all of bronze; what is published is served until then.
    """
    fingerprints = {
        dataset.name: fingerprint(layout, dataset, features.get(dataset.name))
        for dataset in datasets
    }
    done = transformed(layout)
    changed = [d for d in datasets if rebuild or done.get(d.name) != fingerprints[d.name]]
    gate = Gate({dataset.name: "unchanged" for dataset in datasets})
    if not changed:
        return gate
    began = datetime.now(UTC)
    results = build(layout, limits, changed, timing, rebuild=rebuild)
    if catalog.exists(layout):
        gate.written = [
            {
                "dataset" if part.table in DATASETS else "table": part.table,
                "rows": part.rows,
                "bytes": part.bytes,
                "seconds": results["seconds"].get(part.table, 0.0),
            }
            for part in written(layout, began)
            if part.table in results["seconds"]
        ]
    for dataset in changed:
        gate.verdicts[dataset.name] = "passed" if dataset.name in results["models"] else "failed"
    gate.failures, gate.warnings = results["failures"], results["warnings"]
    for failure in gate.failures:
        gate.verdicts[failure["dataset"]] = "failed"
    passed = {d.name: fingerprints[d.name] for d in changed if gate.verdicts[d.name] == "passed"}
    write_json(layout.transformed, done | passed)
    return gate


def transformed(layout: Layout) -> dict[str, str]:
    """The fingerprint of each data set when this machine last built it well.

    A database that replaced a shared one lacks what is not built into it yet.
    """
    if not catalog.exists(layout):
        return {}
    done: dict[str, str] = read_json(layout.transformed)
    served = catalog.published(layout) if layout.shared else done
    return {name: done[name] for name in done if name in served}


def fingerprint(layout: Layout, dataset: Dataset, features: list[str] | None) -> str:
    """What decides a data set's silver: features, bronze files and the dbt project, by stat alone.

    Moneyness reads the underlyings' day bars, so options_daily depends on those files too; splits
    and underlyings come from the reference.
    """
    folders = [layout.bronze_folder(dataset)]
    if dataset.name == "options_daily":
        folders.append(layout.bronze_folder(DATASETS["stocks_daily"]))
    if dataset.name != "stocks_minute":
        folders.append(layout.bronze_reference)
    files = {
        path.relative_to(layout.root): path
        for folder in folders
        for path in sorted(folder.rglob("*.parquet"))
    }
    for part in ("models", "macros", "seeds", "tests"):
        found = sorted((DBT_PROJECT / part).rglob("*"))
        files |= {path.relative_to(DBT_PROJECT): path for path in found if path.is_file()}
    digest = hashlib.sha256(repr(features).encode())
    for name, path in files.items():
        stat = path.stat()
        digest.update(f"{name}\0{stat.st_size}\0{stat.st_mtime_ns}\0".encode())
    return digest.hexdigest()


def arguments(datasets: list[Dataset]) -> list[str]:
    """The dbt command that builds these data sets with all that they need.

    Unit tests judge the code, not the data, so a nightly run leaves them out.
    """
    # `@` takes what is made from a data set along, and all that those need.
    some = ["--select", *(f"@{dataset.name}" for dataset in datasets)]
    selection = some if len(datasets) < len(DATASETS) else []
    return ["build", "--exclude-resource-type", "unit_test", *selection]


def environment(layout: Layout, limits: Limits) -> dict[str, str]:
    """The variables that profiles.yml and dbt_project.yml read."""
    memory = limits.duckdb_memory
    rows = int(memory.removesuffix("MiB")) * 2**20 // BYTES_PER_BATCH_ROW
    return {
        "QUANTMINI_LAKE": str(layout.root),
        "QUANTMINI_MEMORY_LIMIT": memory,
        "QUANTMINI_THREADS": str(limits.max_workers),
        "QUANTMINI_MAX_TEMP_SIZE": engine.max_temp_size(layout.temp),
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
) -> dict[str, Any]:
    """Run dbt; give the models that were built and the nodes that failed.

    Returns:
        `models`: names of the feature models that succeeded; `seconds` of each node; `failures`
        and `warnings`: findings. A run that dies before it has results is a failure of every data
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
    command = [*program, *arguments(datasets), *target, *(["--full-refresh"] if rebuild else [])]
    for left in reversed(range(TRIES)):
        run_results.unlink(missing_ok=True)
        process = run(command, environment(layout, limits))
        if not left or CONFLICT not in process.stdout + process.stderr:
            break
        log.warning("dbt lost to another machine's commit; it begins again")
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
        return {"models": [], "failures": failures, "warnings": [], "seconds": {}}
    return read_results(
        read_json(run_results), read_json(layout.dbt_target / "manifest.json"), datasets, layout
    )


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


def read_results(
    results: dict[str, Any], manifest: dict[str, Any], datasets: list[Dataset], layout: Layout
) -> dict[str, Any]:
    """Sort dbt's results by data set."""
    found: dict[str, Any] = {"models": [], "failures": [], "warnings": []}
    done = [
        r["unique_id"].rpartition(".")[2] for r in results["results"] if r["status"] == "success"
    ]
    found["models"] = [name for name in done if name in DATASETS]
    found["seconds"] = {
        r["unique_id"].rpartition(".")[2]: r["execution_time"] for r in results["results"]
    }
    for result in results["results"]:
        unique_id, status = result["unique_id"], result["status"]
        node = manifest["nodes"].get(unique_id, {})
        owner = (node.get("attached_node") or unique_id).rpartition(".")[2]
        if status not in SEVERITY:
            continue
        finding = {"node": unique_id, "message": " ".join((result["message"] or "").split())}
        if result["failures"]:
            run = results["metadata"]["invocation_id"]
            finding["rows"] = str(layout.log("errors") / f"{run}-{node['name']}.parquet")
        owners = [d.name for d in datasets if owner.endswith(d.name)]
        # What fails above the data sets, as a staging view, is named with each that was not built.
        owners = owners or [d.name for d in datasets if d.name not in found["models"]] or [owner]
        found[SEVERITY[status]] += [{"dataset": name} | finding for name in owners]
    return found
