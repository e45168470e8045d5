"""What a command did, in words."""

from __future__ import annotations

from collections import Counter
from typing import Any

from ingest.report import NOT_ENTITLED, NOT_PUBLISHED, UP_TO_DATE
from lake.sql import quoted

REASONS = (UP_TO_DATE, NOT_PUBLISHED, NOT_ENTITLED)
UNADJUSTED = "prices unadjusted: no splits or dividends known; `quantmini reference sync` has them"


def has_failed(document: dict[str, Any]) -> bool:
    """Whether any day, data set or store of the outcome failed."""
    gate = document.get("gate", {}).get("verdicts", {})
    stores = document.get("gold", [])
    return bool(
        document.get("failed")
        or "failed" in gate.values()
        or any("error" in store for store in stores)
    )


def complaints(document: dict[str, Any]) -> list[str]:
    """What failed, a line each: days and tables, what the gate refused, stores."""
    lines = []
    for entry in document.get("failed", []):
        what = entry.get("table") or entry["dataset"]
        if entry.get("date"):
            what += f" {entry['date']}"
        elif "retry" in entry:
            # An ingest that got no listing; upkeep finds a whole data set or store wrong.
            what += " listing"
        lines.append(f"{what}: {entry['error']}")
    lines += [finding(entry) for entry in refusals(document.get("gate", {}))]
    gold = document.get("gold", [])
    return lines + [f"{store['store']}: {store['error']}" for store in gold if "error" in store]


def refusals(gate: dict[str, Any]) -> list[dict[str, str]]:
    """What the gate found, and each data set that failed without a finding."""
    found: list[dict[str, str]] = gate.get("failures", [])
    named = {entry["dataset"] for entry in found}
    refused = [name for name, verdict in gate.get("verdicts", {}).items() if verdict == "failed"]
    return found + [
        {"dataset": name, "message": "not built"} for name in refused if name not in named
    ]


def of_ingest(document: dict[str, Any]) -> str:
    """Days, rows and quarantined rows by data set, then every failure."""
    lines = []
    names = {
        entry["dataset"] for part in ("ingested", "skipped", "failed") for entry in document[part]
    }
    for name in sorted(names):
        days = [entry for entry in document["ingested"] if entry["dataset"] == name]
        rows, bad = (sum(day[key] for day in days) for key in ("rows", "quarantined"))
        line = f"{name}: {len(days)} days, {rows:,} rows ingested"
        line += f", {bad:,} rows quarantined" if bad else ""
        lines.append(", ".join([line, *_skipped(document, name)]))
    lines += [
        f"FAILED {entry['dataset']} {entry['date'] or 'listing'}: {entry['error']}"
        for entry in document["failed"]
    ]
    return "\n".join(lines) or "ingest: nothing to do"


def _skipped(document: dict[str, Any], name: str) -> list[str]:
    """How many days of a data set were left alone, by reason."""
    counts = Counter(entry["reason"] for entry in document["skipped"] if entry["dataset"] == name)
    return [f"{counts[key]:,} {key.replace('_', ' ')}" for key in REASONS if counts[key]]


def of_gate(document: dict[str, Any]) -> str:
    """The verdict on each data set, then what failed and what to look at."""
    gate = document["gate"]
    verdicts = ", ".join(f"{name} {verdict}" for name, verdict in gate["verdicts"].items())
    lines = [f"gate: {verdicts}"]
    lines += [f"warning {finding(entry)}" for entry in gate["warnings"]]
    lines += [f"FAILED {finding(entry)}" for entry in gate["failures"]]
    if gate["failures"]:
        lines.append(
            "the failed data sets stay at their last published snapshot; mend bronze or the model, "
            "then `quantmini transform`"
        )
    return "\n".join(lines)


def finding(entry: dict[str, str]) -> str:
    """One failed or warning node, with the command that shows its rows."""
    # A dbt that died is no node of the project, and a data set may fail without any.
    name = "".join(f" {part}" for part in entry.get("node", "").split(".")[2:3])
    text = f"{entry['dataset']}{name}: {entry['message']}"
    if "rows" not in entry:
        return text
    rows = quoted(entry["rows"])
    return f'{text}; rows: quantmini query "FROM {rows}"'


def of_gold(document: dict[str, Any]) -> str:
    """Instruments and files of each store."""
    lines = []
    for store in document["gold"]:
        if "error" in store:
            lines.append(f"FAILED {store['store']}: {store['error']}")
        elif store["skipped"]:
            lines.append(f"gold {store['store']}: up to date")
        else:
            unadjusted = store["store"] == "stocks_daily" and not store["adjusted"]
            lines.append(
                f"gold {store['store']}: {store['instruments']:,} instruments, "
                f"{store['files']:,} files, {store['bytes'] / 1e6:.1f} MB, {store['seconds']:.1f} s"
                + (f", {UNADJUSTED}" if unadjusted else "")
            )
    return "\n".join(lines) or "gold: nothing is published yet"


def of_run(document: dict[str, Any]) -> str:
    """The whole chain; when there was nothing to do one line, and what the source does not have."""
    off = document["switched_off"]
    idle = (
        not document["ingested"]
        and not has_failed(document)
        and set(document["gate"]["verdicts"].values()) <= {"unchanged"}
        and all(store.get("skipped") for store in document["gold"])
    )
    if idle and not off:
        lacking = {
            entry["dataset"] for entry in document["skipped"] if entry["reason"] != UP_TO_DATE
        }
        days = "every other day" if lacking else "every day"
        lines = [f"nothing to do: {days} is ingested, published and exported"]
        lines += [f"{name}: {', '.join(_skipped(document, name))}" for name in sorted(lacking)]
        return "\n".join(lines)
    parts = {"bronze": of_ingest, "silver": of_gate, "gold": of_gold}
    return "\n".join(
        f"{layer}: switched off in the settings, block processing"
        if layer in off
        else words(document)
        for layer, words in parts.items()
    )


def of_backfill(document: dict[str, Any]) -> str:
    """The whole chain, and where it stopped if it did not reach the end."""
    left = document["months"]["left"]
    if not left:
        return of_run(document)
    return (
        f"{of_run(document)}\nSTOPPED before {left[0]}: the source cannot be listed; "
        f"{len(left)} months are left, run the same command again to continue"
    )
