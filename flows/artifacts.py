"""What Prefect keeps of a run for a person: a summary, and dbt's nodes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from prefect.artifacts import create_markdown_artifact, create_table_artifact

from flows.summary import complaints, finding
from lake.files import read_json
from lake.layout import Layout


def show_summary(command: str, document: dict[str, Any], seconds: float) -> None:
    """Keep the summary of a run under the command's name."""
    failures = complaints(document)
    create_markdown_artifact(
        key=f"{command}-summary",
        markdown=markdown(command, document, seconds),
        description=f"{len(failures)} failures" if failures else "no failures",
    )


def markdown(command: str, document: dict[str, Any], seconds: float) -> str:
    """A run's data sets, stores, failures and warnings as tables and lists."""
    failures = complaints(document)
    warnings = [finding(entry) for entry in document["gate"]["warnings"]]
    verdict = f"[{len(failures)} failures](#failures)" if failures else "no failures"
    parts = [
        f"## {command}: {verdict}, {seconds:,.0f} s",
        table(
            ("data set", "days", "rows", "quarantined", "MB", "seconds", "failed", "gate"),
            _data_sets(document),
        ),
        table(("store", "outcome", "instruments", "files", "MB", "seconds"), _stores(document)),
    ]
    for heading, lines in (("Failures", failures), ("Warnings", warnings)):
        if lines:
            parts += [f"### {heading}", "\n".join(f"- {escaped(line)}" for line in lines)]
    return "\n\n".join(parts)


def _data_sets(document: dict[str, Any]) -> Iterable[tuple[Any, ...]]:
    """Each data set: its days, rows, quarantined rows, MB, seconds, failures and verdict."""
    verdicts = document["gate"]["verdicts"]
    names = {entry["dataset"] for part in ("ingested", "failed") for entry in document[part]}
    for name in sorted(names | set(verdicts)):
        days = [entry for entry in document["ingested"] if entry["dataset"] == name]
        rows, bad, size, seconds = (
            sum(day[key] for day in days) for key in ("rows", "quarantined", "bytes", "seconds")
        )
        failed = sum(entry["dataset"] == name for entry in document["failed"])
        verdict = verdicts.get(name, "-")
        cells = (f"{len(days):,}", f"{rows:,}", f"{bad:,}", f"{size / 1e6:,.1f}", f"{seconds:,.1f}")
        yield (name, *cells, failed, verdict)


def _stores(document: dict[str, Any]) -> Iterable[tuple[Any, ...]]:
    """Each Qlib store: its outcome, instruments, files, MB and seconds."""
    for store in document["gold"]:
        if "error" in store:
            yield (store["store"], "failed", "", "", "", "")
        elif store["skipped"]:
            yield (store["store"], "up to date", "", "", "", "")
        else:
            outcome = "appended" if store["incremental"] else "written"
            counts = (f"{store['instruments']:,}", f"{store['files']:,}")
            size = (f"{store['bytes'] / 1e6:,.1f}", f"{store['seconds']:,.1f}")
            yield (store["store"], outcome, *counts, *size)


def table(head: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> str:
    """A Markdown table."""
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(escaped(str(cell)) for cell in line)} |" for line in lines)


def escaped(text: str) -> str:
    """Text that Markdown shows as it is: no column, tag or emphasis begins inside it."""
    for sign in "\\`*_|<>[]":
        text = text.replace(sign, f"\\{sign}")
    return " ".join(text.split())


def show_nodes(layout: Layout) -> None:
    """Keep what became of each node of the dbt run that has just ended."""
    rows = nodes(read_json(layout.dbt_target / "run_results.json"))
    if rows:
        failed = sum(row["status"] not in ("success", "pass", "warn", "skipped") for row in rows)
        text = f"{len(rows)} nodes, {failed} failed"
        create_table_artifact(key="dbt-nodes", table=rows, description=text)


def nodes(results: dict[str, Any]) -> list[dict[str, Any]]:
    """Each model, seed and test: what went wrong first, then the slowest first."""
    good = ("success", "pass")
    found = [
        {
            "node": result["unique_id"].split(".", 2)[2],
            "kind": result["unique_id"].partition(".")[0],
            "status": result["status"],
            "seconds": round(result["execution_time"], 2),
            "failures": result["failures"] or 0,
            "message": " ".join((result["message"] or "").split())[:300],
        }
        for result in results.get("results", [])
    ]
    return sorted(found, key=lambda row: (row["status"] in good, -row["seconds"]))
