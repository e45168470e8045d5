"""What happened, a JSON line each: runs, stages, queries and alerts, a file a month.

The health check, the report and whoever wonders about last week read them. Nothing that the lake
does rests on them, so a lost line is no harm and a full disk must not stop a query.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from lake.files import append_line
from lake.layout import Layout

Kind = Literal["runs", "stages", "queries", "alerts"]


def append(layout: Layout, kind: Kind, record: dict[str, Any]) -> None:
    """Add one record with its moment, `at`, in UTC. Many processes may do so at once."""
    moment = datetime.now(UTC)
    line = json.dumps({"at": moment.isoformat(timespec="milliseconds"), **record}, default=str)
    path = layout.log("performance") / f"{kind}-{moment:%Y-%m}.jsonl"
    with contextlib.suppress(OSError):
        append_line(path, line)


def read(layout: Layout, kind: Kind, since: timedelta) -> Iterator[dict[str, Any]]:
    """The records of the time before now, oldest first. A line cut by a crash is passed over."""
    start = datetime.now(UTC) - since
    for path in sorted(layout.log("performance").glob(f"{kind}-*.jsonl")):
        if path.stem < f"{kind}-{start:%Y-%m}":
            continue
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            with contextlib.suppress(ValueError, KeyError, TypeError):
                record = json.loads(line)
                if datetime.fromisoformat(record["at"]) >= start:
                    yield record
