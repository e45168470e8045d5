"""The page: facts and charts in one HTML document that loads nothing."""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from flows.report import calendars, history, lake_charts, words
from flows.report.candles import candles
from flows.report.chain_chart import chain, series_name
from flows.report.coverage import Day
from flows.report.gather import Facts

FOLDER = Path(__file__).parent / "page"


def render(facts: Facts, library: str) -> str:
    """The HTML document.

    What comes from the lake is escaped, and the policy lets run only the two scripts that are
    written here, by their hashes, so nothing else in the page can run or be loaded.

    Args:
        facts: what `gather` read.
        library: the JavaScript that draws the charts.
    """
    script = (FOLDER / "page.js").read_text(encoding="utf-8")
    style = (FOLDER / "style.css").read_text(encoding="utf-8")
    library = library.replace("</script", r"<\/script").replace("<!--", r"\x3C!--")
    policy = (
        f"default-src 'none'; script-src {digest(library)} {digest(script)}; "
        f"style-src {digest(style)}; base-uri 'none'; form-action 'none'"
    )
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["json.dumps_kwargs"] = {"default": str, "separators": (",", ":")}
    environment.filters |= {
        "size": words.size,
        "number": words.number,
        "short": words.short,
        "seconds": words.seconds,
        "price": words.price,
        "day": words.day,
    }
    return environment.get_template("page.html.j2").render(
        facts=facts,
        policy=policy,
        library=Markup(library),  # noqa: S704 - trusted: the library's and our own
        script=Markup(script),  # noqa: S704
        style=Markup(style),  # noqa: S704
        **sections(facts),
    )


def sections(facts: Facts) -> dict[str, Any]:
    """What the template shows, by section."""
    days = facts.coverage
    pictures = {
        f"rows-{name}": lake_charts.rows_per_day(name, found) for name, found in days.items()
    }
    if any(found.rows for found in facts.forms.values()):
        pictures["bytes"] = lake_charts.bytes_per_row(facts.forms)
    if facts.stages:
        pictures["stages"] = lake_charts.seconds_per_run(facts.stages)
    if facts.bars:
        pictures["candles"] = candles(facts.bars)
    if facts.chain:
        pictures["chain"] = chain(facts.chain)
    verdicts = [run for run in facts.runs if run.get("gate")][-history.RUNS :]
    return {
        "charts": pictures,
        "calendars": {name: calendars.years(found) for name, found in days.items()},
        "summaries": {name: calendars.words(found) for name, found in days.items()},
        "odd": {name: odd(found) for name, found in days.items()},
        "sessions": by_date(days),
        "session_heads": ["Date", *(f">{name}" for name in days)],
        "totals": totals(facts),
        "verdicts": verdicts,
        "runs": facts.runs[: -history.ROWS - 1 : -1],
        "speeds": history.speeds(facts.stages),
        "series": by_series(facts),
        "strip_label": lambda name: strip_label(name, verdicts),
    }


def strip_label(name: str, verdicts: list[history.Record]) -> str:
    """The verdicts on one data set in words."""
    counts = Counter(run["gate"].get(name, "not asked") for run in verdicts)
    return f"{name}: " + ", ".join(f"{count} {verdict}" for verdict, count in counts.items())


def odd(days: list[Day]) -> list[Day]:
    """The days that are not simply complete, newest first."""
    return [day for day in reversed(days) if day.state != "complete"]


def by_date(days: dict[str, list[Day]]) -> list[tuple[date, dict[str, Day]]]:
    """Every session with its day of each data set, newest first."""
    found: dict[date, dict[str, Day]] = {}
    for name, all_days in days.items():
        for day in all_days:
            found.setdefault(day.date, {})[name] = day
    return sorted(found.items(), reverse=True)


def totals(facts: Facts) -> dict[str, Any]:
    """The figures at the top of the page."""
    days = [day for found in facts.coverage.values() for day in found]
    published = [
        entry["published_through"]
        for entry in facts.status["pipeline"]["datasets"].values()
        if entry["published_through"]
    ]
    return {
        "rows": sum(day.rows for day in days),
        "sessions": len(days),
        "good": sum(day.state in ("complete", "quarantined") for day in days),
        "rejected": sum(day.rejected for day in days),
        "published": max(published, default=None),
        "bytes": sum(layer["bytes"] for layer in facts.status["storage"].values()),
        "files": sum(layer["files"] for layer in facts.status["storage"].values()),
    }


def by_series(facts: Facts) -> dict[str, list[dict[str, Any]]]:
    """The strikes of each series of the chain, by the name that the page shows."""
    found: dict[str, list[dict[str, Any]]] = {}
    if facts.chain:
        for row in facts.chain.strikes:
            found.setdefault(series_name(facts.chain, row), []).append(row)
    return found


def digest(text: str) -> str:
    """The source expression of a content security policy that allows this text alone."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
