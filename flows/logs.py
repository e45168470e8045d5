"""What a command that writes says while it works, a JSON line each, in files a day (UTC).

`logs/pipeline` has everything from `monitoring.log_level` on, `logs/errors` what went wrong.
Several processes may write at once, which files that are renamed when they are full would not bear;
so files end with the day, and go after `monitoring.log_days`.
"""

from __future__ import annotations

import contextlib
import json
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr

from lake.files import append_line
from lake.layout import Layout
from lake.settings import Settings

# Of commands and their stages; for the files alone, since a command's outcome is printed anyway.
RUNS = logging.getLogger("quantmini")
RUNS.propagate = False
OURS = ("flows", "ingest", "gold_export", "lake", RUNS.name)
# Shorter ones would take ordinary words with them.
SHORTEST_SECRET = 6


class DayFile(logging.Handler):
    """Appends to the file of the day; a full disk must not stop a run."""

    def __init__(
        self, folder: Path, level: str, about: dict[str, str], hidden: frozenset[str]
    ) -> None:
        """Write to a folder, from a level on, `about` with each line, and none of `hidden`."""
        super().__init__(level)
        self.folder, self.about, self.hidden = folder, about, hidden

    def emit(self, record: logging.LogRecord) -> None:
        """Write one message."""
        moment = datetime.fromtimestamp(record.created, UTC)
        line: dict[str, Any] = {
            "at": moment.isoformat(timespec="milliseconds"),
            "level": record.levelname,
            **self.about,
            "logger": record.name,
            "message": without(self.hidden, record.getMessage()),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            text = logging.Formatter().formatException(record.exc_info)
            line["traceback"] = without(self.hidden, text)
        with contextlib.suppress(OSError):
            append_line(self.folder / f"{moment:%Y-%m-%d}.jsonl", json.dumps(line, default=str))


def without(hidden: frozenset[str], text: str) -> str:
    """The text without these secrets."""
    for secret in hidden:
        text = text.replace(secret, "***")
    return text


@contextmanager
def logged(settings: Settings, about: dict[str, str]) -> Iterator[None]:
    """Keep what our modules log while the block runs; `about` goes into every line."""
    layout, level = settings.lake.layout(), settings.monitoring.log_level
    hidden = frozenset(secrets(settings))
    handlers = [
        DayFile(layout.log("pipeline"), level, about, hidden),
        DayFile(layout.log("errors"), "ERROR", about, hidden),
    ]
    discard_old(layout, settings.monitoring.log_days)
    loggers = [logging.getLogger(name) for name in OURS]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(level)
        for handler in handlers:
            logger.addHandler(handler)
    try:
        yield
    finally:
        for logger, before in zip(loggers, levels, strict=True):
            logger.setLevel(before)
            for handler in handlers:
                logger.removeHandler(handler)


def discard_old(layout: Layout, days: int) -> None:
    """Delete logs, and rows that failed a test, that are older than so many days."""
    oldest = time.time() - days * 86_400
    for kind in ("pipeline", "errors"):
        for path in layout.log(kind).glob("*.*"):
            with contextlib.suppress(OSError):
                if path.suffix in (".jsonl", ".parquet") and path.stat().st_mtime < oldest:
                    path.unlink()


def secrets(value: Any) -> Iterator[str]:
    """Every secret in the settings."""
    if isinstance(value, SecretStr):
        text = value.get_secret_value().strip()
        if len(text) >= SHORTEST_SECRET:
            yield text
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from secrets(getattr(value, name))
    elif isinstance(value, list | tuple | dict):
        for item in value.values() if isinstance(value, dict) else value:
            yield from secrets(item)
