"""Cursors that stay in one transaction for some seconds, for questions that follow each other."""

from __future__ import annotations

import contextlib
import threading
import time

import duckdb

# Seconds. SQLite's log cannot be emptied while a transaction reads, so none may last.
HELD = 10.0

Turn = tuple[duckdb.DuckDBPyConnection, float]


class Cursors:
    """Cursors with a transaction begun: in each new one DuckLake opens the catalog again.

    `now()` stands still in a transaction, so they are for questions that do not ask for it.
    Threads may share this.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._idle: list[Turn] = []
        self._lock = threading.Lock()
        self._timed = False

    def take(self) -> Turn:
        """A cursor that nobody else uses, and when its transaction has to end."""
        with self._lock:
            if self._idle:
                return self._idle.pop()
        cursor = self._connection.cursor()
        cursor.execute("BEGIN TRANSACTION")
        return cursor, time.monotonic() + HELD

    def give(self, turn: Turn) -> None:
        """Give a cursor back whose answer was read to its end without an error."""
        cursor, until = turn
        if time.monotonic() > until:
            cursor.close()
            return
        with self._lock:
            self._idle.append(turn)
            if not self._timed:
                self._timed = True
                timer = threading.Timer(HELD, self.close)
                timer.daemon = True
                timer.start()

    def close(self) -> None:
        """End the transactions that nobody uses."""
        with self._lock:
            idle, self._idle, self._timed = self._idle, [], False
        for cursor, _ in idle:
            with contextlib.suppress(duckdb.Error):
                cursor.close()
