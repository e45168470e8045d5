"""dbt-duckdb plugin: what a literal `dbt build` needs beside SQL.

It makes the lake's folders, leaves the exchange calendar there, so that it is never a stale copy,
installs DuckDB's extensions from their wheels before the lake is attached, and attaches one that is
shared.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
from dbt.adapters.duckdb.plugins import BasePlugin

from lake import changes
from lake.attaching import attach, install_extensions
from lake.calendar import write_sessions
from lake.errors import UsageError
from lake.layout import Layout
from lake.settings import load as load_settings
from lake.sql import quoted


class Plugin(BasePlugin):
    """Named `dbt_plugin` in profiles.yml."""

    _knows_changes = False

    def initialize(self, plugin_config: dict[str, Any]) -> None:
        """Takes `shared` from the target."""
        self._shared = bool(plugin_config.get("shared"))

    def configure_connection(self, conn: duckdb.DuckDBPyConnection) -> None:
        """Runs before dbt-duckdb attaches the lake."""
        settings = load_settings()
        self._features = json.dumps(settings.features)
        place = settings.lake.layout().shared
        layout = Layout(Path(self.creds.external_root), place)  # type: ignore[union-attr]
        if layout.root.resolve() != settings.lake.root.resolve():
            raise UsageError(
                f"the settings name the lake {settings.lake.root}, this target {layout.root}; "
                f"`export QUANTMINI_LAKE={settings.lake.root}` first"
            )
        marts = [layout.watermarks(asset).parent for asset in ("stocks", "options")]
        for folder in (*marts, layout.temp, layout.log("errors")):
            folder.mkdir(parents=True, exist_ok=True)
        write_sessions(layout.sessions)
        if self._shared != bool(place):
            right = "set lake.catalog first" if self._shared else "give `--target shared`"
            raise UsageError(f"the settings name another lake than this target; {right}")
        if place:
            attach(conn, layout, read_only=False)
        else:
            install_extensions(conn)

    def configure_cursor(self, cursor: duckdb.DuckDBPyConnection) -> None:
        """Each connection knows the configured features; the first one defines lake.changes."""
        cursor.execute(f"SET VARIABLE features = {quoted(self._features)}")
        if not self._knows_changes:
            changes.define(cursor)
            self._knows_changes = True
