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
    """Sort dbt's results by data set.

    Returns:
        `models`, the data sets whose model succeeded; `seconds` of each node; `failures` and
        `warnings`; `unfinished`, the data sets of which something that is made from them failed.
    """
    found: dict[str, Any] = {"models": [], "failures": [], "warnings": [], "unfinished": set()}
    parents = manifest["parent_map"]
    above = {d.name: _ancestors(parents, f"model.quantmini.{d.name}") for d in datasets}
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
        about = node.get("attached_node") or unique_id
        owner = about.rpartition(".")[2]
        if status not in SEVERITY:
            continue
        message = " ".join((result["message"] or "").split())
        if OUT_OF_SYNC in message:
            message = OTHER_COLUMNS.format(owner)
        finding = {"node": unique_id, "message": message}
        # A hook that fails counts a failure too, but leaves no rows.
        if result["failures"] and unique_id.startswith("test."):
            run = results["metadata"]["invocation_id"]
            finding["rows"] = str(layout.log("errors") / f"{run}-{node['name']}.parquet")
        owners = [d.name for d in datasets if owner.endswith(d.name)]
        # What fails above the data sets, as a staging view, is named with each that was not built.
        held = [name for name in above if name not in found["models"] and about in above[name]]
        owners = owners or held or [owner]
        if SEVERITY[status] == "failures":
            below = _ancestors(parents, about)
            made_of = {name for name in above if f"model.quantmini.{name}" in below}
            # A hook or a table of the reference is everybody's.
            found["unfinished"] |= made_of or set(above)
        found[SEVERITY[status]] += [{"dataset": name} | finding for name in owners]
    return found


def _ancestors(parents: dict[str, list[str]], unique_id: str) -> set[str]:
    """All nodes that a node is made from, itself included."""
    found, todo = set(), [unique_id]
    while todo:
        node = todo.pop()
        if node not in found:
            found.add(node)
            todo += parents.get(node, [])
    return found
