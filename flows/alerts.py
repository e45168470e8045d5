"""Telling somebody by Apprise: work on the lake failed, goes well again, or its data is stale.

Each alert leaves a record (lake.records, `alerts`): event, command, datasets, sent, urls. The last
one says whether a success is a recovery.
"""

from __future__ import annotations

import logging
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from flows.due import due_sessions, sessions_behind
from flows.request import Request
from flows.summary import complaints
from lake import records
from lake.layout import Layout
from lake.settings import Alerts

log = logging.getLogger(__name__)

Event = Literal["failed", "stale", "recovered", "message"]

# How far back a failure is looked for, complaints in a message, and characters of each.
MEMORY = timedelta(days=90)
SHOWN, LENGTH = 10, 300
KINDS = {"failed": "failure", "stale": "warning", "recovered": "success", "message": "info"}


def watched(asked: Request, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Do the work that was asked for, and tell how it ended where that is news.

    A success is no news unless the last alert about these data sets was a complaint. Only an open
    `run` is judged by how fresh its data sets are; a range of past days has no need to be.
    """
    if not asked.settings.alerts.urls:
        return work()
    try:
        document = work()
    except Exception as error:
        tell(asked, [f"{type(error).__name__}: {error}"])
        raise
    tell(asked, complaints(document))
    return document


def tell(asked: Request, failures: list[str], now: datetime | None = None) -> Event | None:
    """Send what is to be told of work that ended; return which event that is, if any."""
    nightly = asked.command == "run" and asked.start is None and asked.end is None
    stale = _stale(asked, now or datetime.now(UTC)) if nightly else []
    names = [dataset.name for dataset in asked.datasets]
    if failures:
        event: Event = "failed"
    elif stale:
        event = "stale"
    elif _complained(asked, names, nightly=nightly):
        event = "recovered"
    else:
        return None
    title = {
        "failed": f"quantmini {asked.command} failed",
        "stale": "quantmini: data is stale",
        "recovered": f"quantmini {asked.command} goes well again",
    }[event]
    lines = [line[:LENGTH] for line in failures[:SHOWN]]
    lines += [f"and {len(failures) - SHOWN} more"] if len(failures) > SHOWN else []
    unsent = send(asked.settings.alerts, event, title, [*lines, *stale, _where(asked.layout)])
    urls = len(asked.settings.alerts.urls)
    facts = {"command": asked.command, "datasets": names, "sent": urls - len(unsent), "urls": urls}
    records.append(asked.layout, "alerts", {"event": event} | facts)
    return event


def send(alerts: Alerts, event: Event, title: str, lines: list[str]) -> list[str]:
    """Send a message to every URL.

    Returns:
        What could not be sent, by number and service. A URL is a secret and never named.
    """
    # Apprise takes half a second to import, which a run without news need not wait for.
    from apprise import Apprise, AppriseAsset, NotifyType

    asset = AppriseAsset(app_id="quantmini", app_desc="market data lake", async_mode=False)
    unsent = []
    for number, url in enumerate(alerts.urls, start=1):
        with _silence():
            service = Apprise.instantiate(url.get_secret_value(), asset=asset)
            kind = NotifyType(KINDS[event])
            sent = service and service.notify(body="\n".join(lines), title=title, notify_type=kind)
        if not sent:
            name = f"{service.service_name} did not take it" if service else "no URL of Apprise's"
            unsent.append(f"alerts.urls, entry {number}: {name}")
            log.warning("alert not sent: %s", unsent[-1])
    return unsent


@contextmanager
def _silence() -> Iterator[None]:
    """Apprise and the HTTP client below it log URLs, which hold tokens and passwords."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


def _stale(asked: Request, now: datetime) -> list[str]:
    """The data sets that lack a session which the vendor has finished."""
    lines, due = [], due_sessions(now)
    for dataset in asked.datasets:
        days = list(asked.layout.bronze_files(dataset))
        if behind := sessions_behind(days, due):
            lines.append(f"{dataset.name}: {behind} sessions behind, bronze ends {days[-1]}")
    return lines


def _complained(asked: Request, names: list[str], *, nightly: bool) -> bool:
    """Whether this command's last alert was a complaint, about none but these data sets.

    Stale data is over when a run that looks for it finds none.
    """
    kept = records.read(asked.layout, "alerts", MEMORY)
    ours = (record for record in kept if record["command"] == asked.command)
    last = max(ours, key=lambda record: record["at"], default={"event": "recovered"})
    open_end = last["event"] == "failed" or (last["event"] == "stale" and nightly)
    return open_end and set(last["datasets"]) <= set(names)


def _where(layout: Layout) -> str:
    return f"{layout.root} on {platform.node()}; see `quantmini status`"
