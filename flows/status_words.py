"""The status document for a person."""

from __future__ import annotations

from datetime import date
from typing import Any


def words(document: dict[str, Any]) -> str:
    """Health first, then machine, data sets, runs, tables and layers, and at last the problems."""
    pipeline = document["pipeline"]
    lines = [
        f"{document['timestamp']}  {'healthy' if document['healthy'] else 'UNHEALTHY'}",
        *_system(document["system"]),
        f"prices {pipeline['prices']}"
        + ("; see `quantmini reference sync`" if pipeline["prices"] == "unadjusted" else ""),
        *_reference(pipeline["reference"]),
        *_runs(pipeline),
        "",
        *_datasets(pipeline["datasets"]),
        "",
        *_files(pipeline["partition_health"], document["storage"]),
    ]
    return "\n".join([*lines, *(f"PROBLEM {problem}" for problem in document["problems"])])


def _system(system: dict[str, Any]) -> list[str]:
    free, total = (system[f"disk_{key}_bytes"] / 1e9 for key in ("free", "total"))
    line = f"disk: {free:,.1f} of {total:,.1f} GB free"
    if system["days_until_full"] is not None:
        days = system["days_until_full"]
        line += f", full in {days:,} days" if days < 3650 else ", full in more than ten years"
        line += f" at {system['bytes_per_session'] / 1e6:,.1f} MB a session"
    return [
        f"{system['mode']}: {system['max_memory_gb']:g} GiB, {system['max_workers']} workers; "
        f"memory {system['memory_percent']:.0f} %, processors {system['cpu_percent']:.0f} %",
        line,
    ]


def _reference(tables: dict[str, date | None]) -> list[str]:
    """How old is what prices are adjusted by; whether that is too old, only the vendor knows."""
    told = ", ".join(f"{table} {day or 'unknown'}" for table, day in tables.items())
    return [f"reference last synced: {told}"] if told else []


def _runs(pipeline: dict[str, Any]) -> list[str]:
    runs, queries = pipeline["runs"], pipeline["queries"]
    if runs["last"] is None:
        lines = ["runs: none in 30 days"]
    else:
        last = runs["last"]
        lines = [
            f"runs: {runs['error_rate']:.0%} of the last {runs['count']} failed; the last, "
            f"`{last['command']}` at {last['at'][:16]} UTC, took {last['seconds']:,.1f} s and "
            f"ended with {last['exit']}"
        ]
    if queries["count"]:
        line = f"queries: {queries['count']:,} in 30 days"
        if queries["latency_p50"] is not None:
            line += f", p50 {queries['latency_p50']:.3f} s, p99 {queries['latency_p99']:.3f} s"
        if queries["cache_hit_rate"] is not None:
            line += f", {queries['cache_hit_rate']:.0%} from the cache"
        lines.append(f"{line}, {queries['error_rate']:.0%} failed")
    return lines


def _datasets(datasets: dict[str, dict[str, Any]]) -> list[str]:
    lines = [f"{'':16}{'days':>6}  {'from':10}  {'to':10}  {'published':10}  behind  quarantined"]
    for name, facts in datasets.items():
        dates = "  ".join(
            f"{facts[key] or '-'!s:10}" for key in ("first_date", "last_date", "published_through")
        )
        behind = "-" if facts["sessions_behind"] is None else facts["sessions_behind"]
        rejected = facts["quarantined_rows"]
        lines.append(f"{name:16}{facts['days']:>6}  {dates}  {behind:>6}  {rejected:>11,}")
    return lines + [
        f"{name}: the source does not have {len(facts['unavailable']):,} sessions in between, the "
        f"first {facts['unavailable'][0]}; ask the vendor, or ingest them from a folder"
        for name, facts in datasets.items()
        if facts["unavailable"]
    ]


def _files(tables: dict[str, dict[str, int]], layers: dict[str, dict[str, int]]) -> list[str]:
    """Silver's tables, where there are any, and all layers; a small file is below a MiB."""
    heads = f"{'MB':>12}{'files':>11}{'small':>11}"
    lines = [f"{'silver table':20}{heads}{'deletes':>9}{'rows':>16}"] if tables else []
    for name, files in tables.items():
        lines.append(f"{name:20}{_sizes(files)}{files['delete_files']:>9,}{files['rows']:>16,}")
    lines += [*([""] if tables else []), f"{'layer':20}{heads}"]
    return lines + [f"{layer:20}{_sizes(size)}" for layer, size in layers.items()]


def _sizes(files: dict[str, int]) -> str:
    return f"{files['bytes'] / 1e6:>12,.1f}{files['files']:>11,}{files['small_files']:>11,}"
