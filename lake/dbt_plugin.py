"""dbt-duckdb plugin: what a literal `dbt build` needs beside SQL.

It makes the lake's folders, installs DuckDB's extensions from their wheels before the lake is
attached, and serves the exchange calendar as a source, so that it is never a stale copy.
"""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pyarrow as pa
from dbt.adapters.duckdb.plugins import BasePlugin
from dbt.adapters.duckdb.utils import SourceConfig

from lake import changes
from lake.calendar import sessions
from lake.catalog import install_extensions
from lake.layout import Layout
from lake.settings import load as load_settings
from lake.sql import quoted


class Plugin(BasePlugin):
    """Named `dbt_plugin` in profiles.yml and in the sources that it loads."""

    _knows_changes = False

    def configure_connection(self, conn: duckdb.DuckDBPyConnection) -> None:
        """Runs before dbt-duckdb attaches the lake."""
        layout = Layout(Path(self.creds.external_root))  # type: ignore[union-attr]
        marts = [layout.watermarks(asset).parent for asset in ("stocks", "options")]
        for folder in (*marts, layout.temp, layout.log("errors")):
            folder.mkdir(parents=True, exist_ok=True)
        install_extensions(conn)

    def configure_cursor(self, cursor: duckdb.DuckDBPyConnection) -> None:
        """Each connection knows the configured features; the first one defines lake.changes."""
        features = json.dumps(load_settings().features)
        cursor.execute(f"SET VARIABLE features = {quoted(features)}")
        if not self._knows_changes:
            changes.define(cursor)
            self._knows_changes = True

    def load(self, source_config: SourceConfig) -> pa.Table:  # noqa: ARG002
        """The exchange's sessions: `date`, `open`, `close` (UTC)."""
        return sessions()

    def default_materialization(self) -> str:
        """A table in memory: a view would be seen only by connections opened after it."""
        return "table"
