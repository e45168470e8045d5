"""SIGTERM and Ctrl-C: a stop that cleans up, says what to do next and has the usual exit code."""

from __future__ import annotations

import signal
from types import FrameType

_received: list[int] = []


class Stopped(SystemExit):
    """Raised in the main thread by a signal; no `except Exception` takes it for a failure."""


def listen() -> None:
    """Turn the signals that ask for an end into `Stopped`."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)


def _stop(number: int, _: FrameType | None) -> None:
    # A second one ends the process at once.
    signal.signal(number, signal.SIG_DFL)
    _received.append(number)
    raise Stopped(128 + number)


def received() -> int | None:
    """The signal that came, if one did: DuckDB, when interrupted, raises an error of its own."""
    return _received[0] if _received else None


def words(number: int) -> str:
    """What a person should know of a command that was stopped."""
    name = signal.Signals(number).name
    return f"stopped by {name}; what is done stays, and the same command goes on from there"
