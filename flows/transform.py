"""Bronze to silver: whether anything changed, what dbt made of it, what passed."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path

from flows.dbt import DBT_PROJECT, build
from flows.gate import Gate
from flows.request import Request
from lake import catalog
from lake.datasets import DATASETS, Dataset
from lake.files import read_derived, write_json
from lake.inventory import written
from lake.layout import Layout
from lake.profile import Limits


def transform_stage(request: Request, bounds: Limits) -> Gate:
    """Bronze to silver, tested and published."""
    settings, timing = request.settings, None
    if settings.monitoring.enable_profiling:
        now = datetime.now(UTC)
        timing = request.layout.log("performance") / f"profile-dbt-{now:%Y%m%dT%H%M%SZ}.pstats"
    return transform(request.layout, bounds, request.datasets, settings.features, timing)


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
        if catalog.published(layout):
            # What is served has to open, though nobody writes to it.
            catalog.connect(layout, limits.duckdb_memory, limits.max_workers).close()
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
    # What failed is tried again, also where it is a longer bar or a mart: the data set counts as
    # changed until all that is made from it was.
    kept = {name: done[name] for name in done.keys() - results["unfinished"]}
    passed = {
        d.name: fingerprints[d.name]
        for d in changed
        if gate.verdicts[d.name] == "passed" and d.name not in results["unfinished"]
    }
    write_json(layout.transformed, kept | passed)
    return gate


def transformed(layout: Layout) -> dict[str, str]:
    """The fingerprint of each data set when this machine last built it well.

    A database that replaced a shared one lacks what is not built into it yet.
    """
    if not catalog.exists(layout):
        return {}
    done: dict[str, str] = read_derived(layout.transformed)
    served = catalog.published(layout)
    return {name: done[name] for name in done if name in served}


def fingerprint(layout: Layout, dataset: Dataset, features: list[str] | None) -> str:
    """What decides a data set's silver, by stat alone: features, bronze files, the dbt project.

    Moneyness reads the underlyings' day bars, so options_daily depends on those files too; splits,
    underlyings and gold's lists of types come from the reference.
    """
    folders = [layout.bronze_folder(dataset), layout.bronze_reference]
    if dataset.name == "options_daily":
        folders.append(layout.bronze_folder(DATASETS["stocks_daily"]))
    files = {
        path.relative_to(layout.root): path
        for folder in folders
        for path in sorted(folder.rglob("*.parquet"))
    }
    for part in ("models", "macros", "seeds", "tests"):
        found = sorted((DBT_PROJECT / part).rglob("*"))
        files |= {path.relative_to(DBT_PROJECT): path for path in found if path.is_file()}
    files[Path("dbt_project.yml")] = DBT_PROJECT / "dbt_project.yml"
    digest = hashlib.sha256(repr(features).encode())
    for name, path in files.items():
        stat = path.stat()
        digest.update(f"{name}\0{stat.st_size}\0{stat.st_mtime_ns}\0".encode())
    return digest.hexdigest()
