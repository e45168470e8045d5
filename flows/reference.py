"""`quantmini reference`: what stocks and contracts are, and what happened to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Annotated, Any

import typer

from flows.output import Json, finish
from flows.profiling import Profile
from flows.request import Request
from lake.errors import UsageError
from lake.settings import Settings, load

app = typer.Typer(
    no_args_is_help=True,
    help="Tickers, splits, dividends and option contracts over REST.",
)


@app.callback()
def group() -> None:
    """Tickers, splits, dividends and option contracts over REST."""


@app.command()
def sync(
    tables: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TABLE]...",
            help="tickers, ticker_types, splits, dividends, option_contracts; all by default.",
        ),
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Fetch all history again.")] = False,
    events: Annotated[
        list[str] | None,
        typer.Option(
            "--events",
            metavar="TICKER",
            help="Also the name changes of this ticker (ticker_events), one call each; can be "
            "repeated. Without tables, only these.",
        ),
    ] = None,
    as_json: Json = False,
    _profiled: Profile = False,
) -> None:
    """Bring reference tables up to date; a sync that was broken off continues."""
    finish(synced(load(), tables or [], events or [], full=full), words, as_json)


def synced(
    settings: Settings, tables: list[str], events: list[str], *, full: bool
) -> dict[str, Any]:
    """Sync with the API of the settings.

    Returns:
        `synced` and `failed`, as `ingest.reference.report` describes them.

    Raises:
        UsageError: there is no key.
    """
    if settings.api_key is None or not settings.api_key.get_secret_value().strip():
        raise UsageError("no API key: set POLYGON_API_KEY, then `quantmini reference sync`")
    # The client takes half a second to import, which other commands need not wait for.
    from flows.alerts import watched
    from flows.progress import call
    from flows.recording import recorded
    from ingest.reference.api import Api
    from ingest.reference.sync import sync as sync_tables

    source, bounds = settings.source, settings.limits()
    api = Api(
        source.api_base,
        settings.api_key.get_secret_value().strip(),
        calls_per_minute=source.api_calls_per_minute,
        retries=source.max_retries,
        pause=source.retry_delay_seconds,
    )
    # Other tables or events are another command, whose success is no recovery of this one.
    named = [*sorted(tables), *(f"--events {ticker}" for ticker in sorted(events))]
    asked = Request(settings, [], command=" ".join(["reference sync", *named]))

    def work() -> dict[str, Any]:
        with recorded(settings, asked.command) as recording, progress() as on_page:
            fetch = partial(
                sync_tables,
                full=full,
                events=events,
                memory_limit=bounds.duckdb_memory,
                threads=bounds.max_workers,
                on_page=on_page,
            )
            report = recording.measured(call)("reference", fetch, asked.layout, api, tables)
            return recording.outcome(report.as_dict())

    return watched(asked, work)


@contextmanager
def progress() -> Iterator[Callable[[str, int], None] | None]:
    """The pages so far, on a terminal; how many there will be is not known."""
    from flows.progress import console

    if not console.is_terminal:
        yield None
        return
    with console.status("reference") as status:
        yield lambda query, pages: status.update(f"{query}: {pages:,} pages")


def words(document: dict[str, Any]) -> str:
    """A line for each table."""
    lines = []
    for entry in document["synced"]:
        line = f"{entry['table']:<17}{entry['rows']:>12,} rows, {entry['pages']:,} pages"
        line += " (all)" if entry["full"] else " (new)"
        for key in ("quarantined", "duplicates"):
            line += f", {entry[key]:,} {key}" if entry[key] else ""
        lines.append(f"{line}, {entry['seconds']:.1f} s")
    lines += [f"FAILED {entry['table']}: {entry['error']}" for entry in document["failed"]]
    return "\n".join(lines)
