"""The commands that move data: the whole chain, or one stage of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any

import typer

from flows.output import Json, finish
from flows.profiling import Profile
from lake.datasets import pick
from lake.errors import UsageError
from lake.settings import load

Datasets = Annotated[list[str] | None, typer.Argument(help="Data sets; all four by default.")]
Start = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="First trading day.")]
End = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Last trading day.")]
From = Annotated[str, typer.Option(help="`s3`, or a folder with the bucket's layout.")]
Wait = Annotated[bool, typer.Option("--wait", help="Wait while another run writes to the lake.")]
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


def transform(datasets: Datasets = None, as_json: Json = False, _profiled: Profile = False) -> None:
    """Bronze to silver, tested and published: dbt build."""
    from flows import summary
    from flows.chain import transform_only

    finish(transform_only(request(datasets, "s3", None, None)), summary.of_gate, as_json)


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


def demo(prefect: Prefect = False, as_json: Json = False) -> None:
    """The whole main job on a generated sample market; no credentials, no network."""
    from flows.demo import prepare, words
    from flows.start import started

    asked = prepare(load())
    bounds = asked.settings.limits()
    finish(started(asked, prefect), lambda done: words(done, asked.layout, bounds), as_json)
