"""What Prefect keeps of a run for a person: a summary, and dbt's nodes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from prefect.artifacts import create_markdown_artifact, create_table_artifact

from flows.gate import SEVERITY
from flows.summary import complaints, finding
from lake.files import read_json
from lake.layout import Layout

# Column of the summary → what is added up of each day.
SUMS = {"rows": "rows", "quarantined": "quarantined", "MB": "bytes", "seconds": "seconds"}


def show_summary(command: str, document: dict[str, Any], seconds: float) -> None:
    """Keep the summary of a run under the command's name."""
    failures = complaints(document)
    create_markdown_artifact(
        key=f"{command}-summary",
        markdown=markdown(command, document, seconds),
        description=counted(failures),
    )


def markdown(command: str, document: dict[str, Any], seconds: float) -> str:
    """A run's data sets, stores, failures and warnings as tables and lists."""
    failures = complaints(document)
    warnings = [finding(entry) for entry in document["gate"]["warnings"]]
    verdict = f"[{counted(failures)}](#failures)" if failures else counted(failures)
    parts = [
        f"## {command}: {verdict}, {seconds:,.0f} s",
        table(
            ("data set", "days", *SUMS, "failed", "gate", "silver rows"),
            _data_sets(document),
        ),
        table(("store", "outcome", "instruments", "files", "MB", "seconds"), _stores(document)),
    ]
    for heading, lines in (("Failures", failures), ("Warnings", warnings)):
        if lines:
            parts += [f"### {heading}", "\n".join(f"- {escaped(line)}" for line in lines)]
    return "\n\n".join(parts)


def counted(failures: list[str]) -> str:
    """How many there are, in words."""
    return f"{len(failures) or 'no'} failure{'s' if len(failures) != 1 else ''}"


def _data_sets(document: dict[str, Any]) -> Iterable[tuple[Any, ...]]:
    """What came in of each data set, what failed, the verdict and the rows that silver got."""
    verdicts, written = document["gate"]["verdicts"], document["gate"]["written"]
    names = {entry["dataset"] for part in ("ingested", "failed") for entry in document[part]}
    for name in sorted(names | set(verdicts)):
        days, failed, silver = (
            [entry for entry in entries if entry.get("dataset") == name]
            for entries in (document["ingested"], document["failed"], written)
        )
        rows, bad, size, seconds = (sum(day[key] for day in days) for key in SUMS.values())
        cells = (f"{len(days):,}", f"{rows:,}", f"{bad:,}", f"{size / 1e6:,.1f}", f"{seconds:,.1f}")
        built = f"{sum(entry['rows'] for entry in silver):,}"
        yield (name, *cells, len(failed), verdicts.get(name, "-"), built)


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
        failed = sum(SEVERITY.get(row["status"]) == "failures" for row in rows)
        text = f"{len(rows)} nodes, {failed} failed"
        create_table_artifact(key="dbt-nodes", table=rows, description=text)


def nodes(results: dict[str, Any]) -> list[dict[str, Any]]:
    """Each model, seed, test and hook: what went wrong first, then the slowest first."""
    found = [
        {
            "node": result["unique_id"].split(".")[2],
            "kind": result["unique_id"].partition(".")[0],
            "status": result["status"],
            "seconds": round(result["execution_time"], 2),
            "failures": result["failures"] or 0,
            "message": " ".join((result["message"] or "").split())[:300],
        }
        for result in results.get("results", [])
        # An exposure is a name for those who read, and does nothing.
        if result["status"] != "no-op"
    ]
    return sorted(found, key=lambda row: (SEVERITY.get(row["status"], "none"), -row["seconds"]))
