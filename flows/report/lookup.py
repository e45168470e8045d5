"""Rows of the published lake by column name, and the error for a name that has none."""

from __future__ import annotations

from typing import Any

import duckdb

from lake.errors import UsageError


def unknown(lake: duckdb.DuckDBPyConnection, name: str, column: str, table: str) -> UsageError:
    """The error for a name without bars, with the closest ones there are."""
    sql = f"""SELECT {column} FROM (SELECT DISTINCT {column} FROM {table})
        ORDER BY jaro_winkler_similarity(upper({column}), upper($name)) DESC, {column} LIMIT 3"""
    near = [row[0] for row in lake.execute(sql, {"name": name}).fetchall()]
    closest = f"; closest: {', '.join(near)}" if near else ""
    return UsageError(f"no bars of {column} {name} in {table.replace(' WHERE', ',')}{closest}")


def dictionaries(result: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """The rows of a result by column name."""
    names = [column[0] for column in result.description]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]
