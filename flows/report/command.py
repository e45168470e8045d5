"""The command `quantmini report`."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from lake.errors import UsageError
from lake.files import replacing
from lake.settings import load

Day = Annotated[
    datetime | None,
    typer.Option("--date", formats=["%Y-%m-%d"], help="Day of the chain; the newest by default."),
]


def report(
    symbol: Annotated[
        str | None, typer.Option(help="Whose candles; the largest by dollar volume by default.")
    ] = None,
    underlying: Annotated[
        str | None, typer.Option(help="Whose option chain; the largest that day by default.")
    ] = None,
    day: Day = None,
    out: Annotated[
        Path | None, typer.Option(help="The file; report.html in the lake by default.")
    ] = None,
) -> None:
    """The lake on one page: a single HTML file that opens offline."""
    from flows.report.gather import gather
    from flows.report.page import render

    settings = load()
    layout = settings.lake.layout()
    path = out or layout.report
    if path.is_dir():
        raise UsageError(f"{path} is a folder; --out names the file to write")
    with ThreadPoolExecutor(1) as aside:
        # Putting the charts' JavaScript together takes as long as reading the lake.
        library = aside.submit(javascript)
        facts = gather(
            layout,
            settings.limits(),
            settings.gold.adjustment,
            datetime.now(UTC),
            symbol,
            underlying,
            day.date() if day else None,
        )
        page = render(facts, library.result())
    with replacing(path) as temporary:
        temporary.write_text(page, encoding="utf-8")
    typer.echo(f"{path}: {len(page.encode()) / 1e6:.1f} MB; open it in a browser")


def javascript() -> str:
    """The JavaScript of Vega, Vega-Lite and Vega-Embed, which sets `window.vegaEmbed`."""
    import vl_convert

    return str(vl_convert.javascript_bundle())  # type: ignore[call-arg]
