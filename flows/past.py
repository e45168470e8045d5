"""How the last runs and queries went, from their records (lake.records)."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

from lake import records
from lake.layout import Layout

# Records looked at, and how many runs the error rate is taken from.
SINCE, RUNS = timedelta(days=30), 20
FIELDS = {"command", "errors", "exit"}
# The commands whose work a `run` does too, so that its success makes good their failure.
DONE_BY_RUN = {"run", "backfill", "ingest", "transform", "export"}


def runs(layout: Layout) -> dict[str, Any]:
    """`last` run's record, `error_rate` of the last ones, and `failing`: what is not yet made good.

    A command is made good by a later success of its own, a part of `run` by one of that too. One
    that found the lake busy is neither.
    """
    told = [run for run in records.read(layout, "runs", SINCE) if run.keys() >= FIELDS]
    found = [run for run in told if not _was_busy(run)]
    some, failing = found[-RUNS:], {}
    for run in found:
        if run["exit"]:
            failing[run["command"]] = run
            continue
        made_good = DONE_BY_RUN if run["command"] == "run" else {run["command"]}
        for command in made_good & failing.keys():
            del failing[command]
    return {
        "last": found[-1] if found else None,
        "count": len(some),
        "error_rate": sum(bool(run["exit"]) for run in some) / len(some) if some else None,
        "failing": list(failing.values()),
    }


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
