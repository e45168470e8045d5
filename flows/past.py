"""How the last runs and queries went, from their records (lake.records)."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

from flows.maintain import ALL
from lake import records
from lake.layout import Layout

# Records looked at, and how many runs the error rate is taken from.
SINCE, RUNS = timedelta(days=30), 20
FIELDS = {"command", "errors", "exit"}
# The exit code of a command that was asked for something wrong.
USAGE = 2
# The commands whose work another does too, so that its success makes good their failure.
DONE_BY_RUN = {"run", "backfill", "ingest", "transform", "export"}
DONE_BY_ALL = {f"maintain {action}" for action in ALL}


def runs(layout: Layout) -> dict[str, Any]:
    """`last` run's record, `error_rate` of the last ones, and `failing`: what is not yet made good.

    `source` is what the last command that ingests was given, `s3` or a folder; None without any.
    A command that found the lake busy neither failed nor made good.
    """
    told = [run for run in records.read(layout, "runs", SINCE) if run.keys() >= FIELDS]
    found = [run for run in told if not _was_busy(run)]
    some, failing = found[-RUNS:], list[dict[str, Any]]()
    for run in found:
        failing = [failed for failed in failing if not _replaces(run, failed)]
        failing += [run] if run["exit"] else []
    # A folder that does not exist, say, is no source.
    sources = [run["source"] for run in found if run.get("source") and run["exit"] != USAGE]
    return {
        "source": sources[-1] if sources else None,
        "last": found[-1] if found else None,
        "count": len(some),
        "error_rate": sum(bool(run["exit"]) for run in some) / len(some) if some else None,
        "failing": failing,
    }


def _replaces(run: dict[str, Any], failed: dict[str, Any]) -> bool:
    """Whether a later run leaves nothing to say of one that failed.

    It was about all of the same data sets, and is the same command or did its work too.
    """
    command, other = run["command"], failed["command"]
    same = other == command or (not run["exit"] and _does(command, other))
    return same and set(failed.get("datasets", [])) <= set(run.get("datasets", []))


def _does(command: str, other: str) -> bool:
    """Whether a command does the work of another one too."""
    if command == "reference sync":
        # Of all tables but that of events, which are of the tickers that are named.
        return other.startswith(f"{command} ") and "events" not in other
    does = {"run": DONE_BY_RUN, "maintain all": DONE_BY_ALL}
    return other in does.get(command, set())


def unavailable(layout: Layout) -> dict[str, set[str]]:
    """The days of each data set that a run asked for and the source did not give."""
    found: dict[str, set[str]] = {}
    for run in records.read(layout, "runs", SINCE):
        for name, days in run.get("unavailable", {}).items():
            found.setdefault(name, set()).update(days)
    return found


def _was_busy(run: dict[str, Any]) -> bool:
    return any(error.startswith("LakeBusy") for error in run["errors"])


def queries(layout: Layout) -> dict[str, Any]:
    """`count`, `latency_p50` and `latency_p99` in seconds, `cache_hit_rate` and `error_rate`."""
    found = list(records.read(layout, "queries", SINCE))
    seconds = sorted(query["seconds"] for query in found if "error" not in query)
    cached = [query["cache"] for query in found if query.get("cache") in ("hit", "miss")]
    return {
        "count": len(found),
        "latency_p50": _quantile(seconds, 0.5),
        "latency_p99": _quantile(seconds, 0.99),
        "cache_hit_rate": cached.count("hit") / len(cached) if cached else None,
        "error_rate": (len(found) - len(seconds)) / len(found) if found else None,
    }


def _quantile(ordered: list[float], share: float) -> float | None:
    """The least value that at least this share of them does not exceed."""
    return ordered[math.ceil(share * len(ordered)) - 1] if ordered else None
