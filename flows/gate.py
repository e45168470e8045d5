"""What dbt's results say of each data set."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from lake.datasets import DATASETS, Dataset
from lake.layout import Layout

SEVERITY = {
    "error": "failures",
    "fail": "failures",
    "runtime error": "failures",
    "warn": "warnings",
}
# What dbt says, at length and without a remedy, when a model has got or lost a column.
OUT_OF_SYNC = "schemas on this incremental model are out of sync"
OTHER_COLUMNS = (
    "the model has other columns than its table; make the table anew: "
    "`uv run dbt build --select +{} --full-refresh` in dbt_project/"
)


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
        message = " ".join((result["message"] or "").split())
        if OUT_OF_SYNC in message:
            message = OTHER_COLUMNS.format(owner)
        finding = {"node": unique_id, "message": message}
        if result["failures"]:
            run = results["metadata"]["invocation_id"]
            finding["rows"] = str(layout.log("errors") / f"{run}-{node['name']}.parquet")
        owners = [d.name for d in datasets if owner.endswith(d.name)]
        # What fails above the data sets, as a staging view, is named with each that was not built.
        owners = owners or [d.name for d in datasets if d.name not in found["models"]] or [owner]
        found[SEVERITY[status]] += [{"dataset": name} | finding for name in owners]
    return found
