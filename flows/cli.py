"""The command line: its commands, its messages on stderr, its exit codes."""

from __future__ import annotations

import errno
import json
import logging
import os
import sys
from datetime import UTC, datetime
from typing import Annotated

import typer

from flows import asking, jobs, stopping
from flows.maintain import maintain
from flows.output import Json, show
from flows.reference import app as reference
from flows.report.command import report
from lake.errors import QuantminiError, SourceUnavailable, UsageError
from lake.settings import CONFIG, load
from lake.usable import usable_cpus

log = logging.getLogger(__name__)

NO_ACCESS = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR)
REMEDY = "give this user a folder that it may write in, or name another by QUANTMINI_LAKE"

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="Flat files to validated Parquet, SQL features and Qlib binaries.",
)

for job in (jobs.run, jobs.backfill, jobs.ingest, jobs.transform, jobs.export, jobs.demo):
    app.command()(job)
app.add_typer(reference, name="reference")
for asked in (asking.query, asking.bars, asking.chain, maintain, report):
    app.command()(asked)


@app.command()
def profile(as_json: Json = False) -> None:
    """Detect the hardware and write config/system_profile.yaml."""
    from lake import profile as system

    settings = load()
    document = system.detect(settings.limits(), settings.lake.root)
    path = CONFIG / "system_profile.yaml"
    show(document, lambda found: system.text(found).rstrip(), as_json)
    # What it found is worth knowing where nobody may write, too: in a container, say.
    try:
        system.save(document, path)
    except OSError as error:
        log.warning("not written to %s: %s", path, error.strerror)
    else:
        typer.echo(f"written to {path}", err=as_json)


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
    # Below INFO it shows requests with the key's id.
    logging.getLogger("botocore").setLevel(max(stderr.level, logging.INFO))


def limit_libraries() -> None:
    """Give polars and Arrow as many threads as this process may use.

    They see its affinity, but not a container's quota; and they look when they are imported.
    """
    for name in ("POLARS_MAX_THREADS", "OMP_NUM_THREADS"):
        os.environ.setdefault(name, str(usable_cpus()))


def fail(why: str, code: int) -> None:
    """End with one line on stderr; for a machine that waits for a document, in one too."""
    if "--json" in sys.argv:
        failed = {"dataset": None, "date": None, "error": why}
        typer.echo(json.dumps({"failed": [failed]}))
    typer.echo(f"quantmini: {why}", err=True)
    sys.exit(code)


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
        fail(str(error), 2 if isinstance(error, UsageError) else 1)
    except OSError as error:
        if error.errno not in NO_ACCESS:
            raise
        fail(f"{error.filename}: {error.strerror}; {REMEDY}", 1)
    except BaseException:
        signal = stopping.received()
        if signal is None:
            raise
        typer.echo(f"quantmini: {stopping.words(signal)}", err=True)
        sys.exit(128 + signal)
