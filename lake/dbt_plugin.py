"""dbt-duckdb plugin: what a literal `dbt build` needs beside SQL.

It attaches the lake that the settings name, with DuckDB's settings and extensions as everywhere in
this project, makes its folders, and leaves the exchange calendar there, so that it is never a stale
copy. SQL knows the lake's folder, the configured features and the size of a batch as variables:
nothing that dbt parses depends on them, nor on the memory of this night.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import duckdb
from dbt.adapters.duckdb.plugins import BasePlugin
from dbt.flags import get_flags
from dbt_common.exceptions import DbtRuntimeError

from lake import changes, engine
from lake.attaching import attach
from lake.calendar import write_sessions
from lake.errors import LakeBusy, UsageError
from lake.files import write_json
from lake.lock import writing_alone
from lake.settings import load as load_settings
from lake.sql import quoted

# The commands that write to silver, or publish it.
WRITING = ("build", "run", "seed", "test")
# Without the variables, which `quantmini` sets from the system profile (flows/dbt.py).
MEMORY_LIMIT, THREADS = "4GB", 2
# A batch of days is cut at this many rows, so that a first build of years stays in memory.
BATCH_ROWS = 4_000_000


class Plugin(BasePlugin):
    """Named `dbt_plugin` in profiles.yml."""

    _knows_changes = False

    def initialize(self, plugin_config: dict[str, Any]) -> None:
        """Takes `shared` from the target."""
        # What dbt has parsed by now stays to the end: to look through it for garbage again and
        # again takes an eighth of a run with nothing to do.
        gc.freeze()
        self._shared = bool(plugin_config.get("shared"))

    def update_connection_config(self, _creds: object, config: dict[str, Any]) -> None:
        """Runs before DuckDB starts."""
        settings = load_settings()
        self._layout = settings.lake.layout()
        memory = os.environ.get("QUANTMINI_MEMORY_LIMIT", MEMORY_LIMIT)
        threads = _count("QUANTMINI_THREADS", THREADS)
        config |= engine.config(memory, threads, self._layout.temp)
        self._variables = {
            "lake": quoted(str(self._layout.root)),
            "features": quoted(json.dumps(settings.features)),
            "batch_rows": str(_count("QUANTMINI_BATCH_ROWS", BATCH_ROWS)),
        }

    def configure_connection(self, conn: duckdb.DuckDBPyConnection) -> None:
        """Runs before dbt-duckdb attaches databases; it finds this one attached."""
        layout = self._layout
        if self._shared != bool(layout.shared):
            right = "set lake.catalog first" if self._shared else "give `--target shared`"
            raise UsageError(f"the settings name another lake than this target; {right}")
        if get_flags().WHICH in WRITING:  # type: ignore[no-untyped-call]
            # Until dbt ends.
            held = ExitStack()
            atexit.register(held.close)
            try:
                held.enter_context(writing_alone(layout))
            except LakeBusy as error:
                # One that dbt shows without a traceback.
                raise DbtRuntimeError(str(error)) from None
            _leave_catalog()
        marts = [layout.watermarks(asset).parent for asset in ("stocks", "options")]
        for folder in (*marts, layout.temp, layout.log("errors")):
            folder.mkdir(parents=True, exist_ok=True)
        write_sessions(layout.sessions)
        attach(conn, layout, read_only=False)

    def configure_cursor(self, cursor: duckdb.DuckDBPyConnection) -> None:
        """Each connection knows the variables; the first one defines lake.changes."""
        for name, value in self._variables.items():
            cursor.execute(f"SET VARIABLE {name} = {value}")
        if not self._knows_changes:
            changes.define(cursor)
            self._knows_changes = True


def _leave_catalog() -> None:
    """Let `dbt docs serve` work after a build; `dbt docs generate` puts the tables' sizes there."""
    flags = get_flags()  # type: ignore[no-untyped-call]
    path = Path(flags.PROJECT_DIR, flags.TARGET_PATH or "target", "catalog.json")
    if not path.exists():
        write_json(path, {"metadata": {}, "nodes": {}, "sources": {}})


def _count(name: str, default: int) -> int:
    """The value of a variable, which has to be a number of at least one."""
    value = os.environ.get(name, str(default))
    if not value.isascii() or not value.isdigit() or not int(value):
        raise UsageError(f"{name} {value}: give a whole number from 1 on")
    return int(value)
