"""The command line. It reads settings, calls one stage or the chain, and shows what came of it."""

from __future__ import annotations

import json
import logging
import os
import sys
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from flows import asking, stopping
from flows.maintain import maintain
from flows.profiling import Profile
from flows.reference import app as reference
from flows.report.command import report
from lake.datasets import pick
from lake.errors import QuantminiError, SourceUnavailable, UsageError
from lake.settings import CONFIG, load
from lake.usable import usable_cpus

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="Flat files to validated Parquet, SQL features and Qlib binaries.",
)

app.add_typer(reference, name="reference")
for asked in (asking.query, asking.bars, asking.chain, maintain, report):
    app.command()(asked)

Datasets = Annotated[list[str] | None, typer.Argument(help="Data sets; all four by default.")]
Start = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="First trading day.")]
End = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Last trading day.")]
From = Annotated[str, typer.Option(help="`s3`, or a folder with the bucket's layout.")]
Wait = Annotated[bool, typer.Option("--wait", help="Wait while another run writes to the lake.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
Prefect = Annotated[bool, typer.Option("--prefect", help="Run as a Prefect flow.")]


def request(
    names: list[str] | None,
    source: str,
    start: datetime | None,
    end: datetime | None,
    command: str = "run",
) -> Any:
    """What the user asked for, with the settings of this moment."""
    from flows.request import Request

    if start and end and start > end:
        raise UsageError(f"--start {start:%Y-%m-%d} is after --end {end:%Y-%m-%d}")
    first, last = (moment.date() if moment else None for moment in (start, end))
    return Request(load(), pick(names), source, first, last, command)


@app.command()
def run(
    datasets: Datasets = None,
    start: Start = None,
    end: End = None,
    source: From = "s3",
    wait: Wait = False,
    prefect: Prefect = False,
    as_json: Json = False,
    _profiled: Profile = False,
) -> None:
    """The daily flow: everything missing, from flat files to Qlib."""
    from flows import summary
    from flows.start import started

    asked = replace(request(datasets, source, start, end), wait=wait)
    finish(started(asked, prefect), summary.of_run, as_json)


@app.command()
def backfill(
    start: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="First trading day.")],
    end: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="Last trading day.")],
    datasets: Datasets = None,
    source: From = "s3",
    wait: Wait = False,
    prefect: Prefect = False,
    as_json: Json = False,
    _profiled: Profile = False,
) -> None:
    """The daily flow for a range of past days, month by month; call it again to continue."""
    from flows import summary
    from flows.start import started

    asked = replace(request(datasets, source, start, end, "backfill"), wait=wait)
    finish(started(asked, prefect), summary.of_backfill, as_json)


@app.command()
def ingest(
    datasets: Datasets = None,
    start: Start = None,
    end: End = None,
    source: From = "s3",
    as_json: Json = False,
    _profiled: Profile = False,
) -> None:
    """Flat files to bronze."""
    from flows import summary
    from flows.chain import ingest_only

    finish(ingest_only(request(datasets, source, start, end)), summary.of_ingest, as_json)


@app.command()
def transform(datasets: Datasets = None, as_json: Json = False, _profiled: Profile = False) -> None:
    """Bronze to silver, tested and published: dbt build."""
    from flows import summary
    from flows.chain import transform_only

    finish(transform_only(request(datasets, "s3", None, None)), summary.of_gate, as_json)


@app.command()
def export(
    datasets: Datasets = None,
    verify: Annotated[bool, typer.Option(help="Compare a sample, read by pyqlib, with silver.")] = (
        False
    ),
    as_json: Json = False,
    _profiled: Profile = False,
) -> None:
    """Published silver to Qlib."""
    from flows import summary
    from flows.chain import export_only

    def words(document: dict[str, Any]) -> str:
        checks = [store["verify"] for store in document["gold"] if "verify" in store]
        lines = [
            f"verify {check['store']}: largest difference {check['largest_difference']:g}, "
            f"{check['missing']:,} missing, in {check['values']:,} values of "
            f"{check['instruments']:,} instruments"
            for check in checks
        ]
        return "\n".join([summary.of_gold(document), *lines])

    asked = request(datasets, "s3", None, None)
    finish(export_only(asked, verify), words, as_json)


@app.command()
def demo(prefect: Prefect = False, as_json: Json = False) -> None:
    """The whole main job on a generated sample market; no credentials, no network."""
    from flows.demo import prepare, words
    from flows.start import started

    asked = prepare(load())
    bounds = asked.settings.limits()
    finish(started(asked, prefect), lambda done: words(done, asked.layout, bounds), as_json)


@app.command()
def profile(as_json: Json = False) -> None:
    """Detect the hardware and write config/system_profile.yaml."""
    from lake import profile as system

    settings = load()
    document = system.detect(settings.limits(), settings.lake.root)
    path = CONFIG / "system_profile.yaml"
    system.save(document, path)
    show(document, lambda found: f"{system.text(found)}written to {path}", as_json)


@app.command()
def status(as_json: Json = False) -> None:
    """How fresh and how whole the lake is; exit 1 when somebody has to see to it."""
    from flows import status as health
    from flows.status_words import words

    settings = load()
    bounds = settings.limits()
    now = datetime.now(UTC)
    found = health.status(settings.lake.layout(), bounds, settings.gold.adjustment, now)
    show(found, words, as_json)
    if not found["healthy"]:
        raise typer.Exit(1)


@app.command()
def alert(
    text: Annotated[str, typer.Argument(help="What to say.")] = "This is a test.",
) -> None:
    """Send a message to every URL of alerts.urls, to try them or from a script."""
    from flows.alerts import send

    alerts = load().alerts
    if not alerts.urls:
        raise UsageError("nobody to tell: set alerts.urls, or QUANTMINI_ALERTS__URLS")
    unsent = send(alerts, "message", "quantmini", [text])
    if unsent:
        raise SourceUnavailable(f"not sent: {'; '.join(unsent)}")
    typer.echo(f"sent to {len(alerts.urls)} URLs")


@app.command()
def serve() -> None:
    """Run the flows at their times, as prefect.yaml has them; needs a Prefect server."""
    from flows.serve import serve as serve_flows

    serve_flows()


def show(document: Any, words: Any, as_json: bool) -> None:
    """Print a document for a machine, or in words for a person."""
    typer.echo(json.dumps(document, default=str) if as_json else words(document))


def finish(document: dict[str, Any], words: Any, as_json: bool) -> None:
    """Show the outcome; exit 1 when any part of it failed."""
    from flows.summary import has_failed

    show(document, words, as_json)
    if has_failed(document):
        raise typer.Exit(1)


def log_to_stderr(level: str) -> None:
    """Show messages from a level on.

    The handler has the level, not the loggers: files may take more (flows.logs).

    Raises:
        UsageError: there is no such level.
    """
    stderr = logging.StreamHandler()
    stderr.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    try:
        stderr.setLevel(level.upper())
    except ValueError:
        raise UsageError(
            f"QUANTMINI_LOG_LEVEL {level}: use DEBUG, INFO, WARNING or ERROR"
        ) from None
    logging.basicConfig(level=stderr.level, handlers=[stderr])


def limit_libraries() -> None:
    """Give polars and Arrow as many threads as this process may use.

    They see its affinity, but not a container's quota; and they look when they are imported.
    """
    for name in ("POLARS_MAX_THREADS", "OMP_NUM_THREADS"):
        os.environ.setdefault(name, str(usable_cpus()))


def main() -> None:
    """Entry point: known errors print one line on stderr and exit 1; usage errors exit 2.

    A signal that asks for an end has its own exit code, 128 and its number.
    """
    stopping.listen()
    try:
        limit_libraries()
        log_to_stderr(os.environ.get("QUANTMINI_LOG_LEVEL") or "WARNING")
        app()
    except QuantminiError as error:
        typer.echo(f"quantmini: {error}", err=True)
        sys.exit(2 if isinstance(error, UsageError) else 1)
    except BaseException:
        signal = stopping.received()
        if signal is None:
            raise
        typer.echo(f"quantmini: {stopping.words(signal)}", err=True)
        sys.exit(128 + signal)
