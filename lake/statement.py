"""A query as DuckDB's own parser sees it: whether it only reads, and whether it may be kept."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import duckdb

from lake import engine
from lake.errors import QueryFailed
from lake.sql import quoted

# Table functions that read. All others are refused: `FROM ducklake_cleanup_old_files(…)` is a
# SELECT too. Of the readers only these give the same rows each time.
PURE = frozenset({"generate_series", "json_each", "json_tree", "range", "repeat", "unnest"})
READERS = PURE | {
    *("read_parquet", "parquet_scan", "read_csv", "read_csv_auto", "sniff_csv", "glob"),
    *("read_json", "read_json_auto", "read_ndjson", "read_ndjson_auto", "read_json_objects"),
    *("read_text", "read_blob", "parquet_metadata", "parquet_schema", "parquet_file_metadata"),
    *("parquet_kv_metadata", "duckdb_columns", "duckdb_functions", "duckdb_settings"),
    *("duckdb_tables", "duckdb_views", "ducklake_snapshots", "ducklake_table_info"),
    *("ducklake_list_files", "ducklake_table_changes", "ducklake_table_insertions"),
    *("ducklake_table_deletions", "pg_timezone_names"),
}
BLANK = r"(?:\s|--[^\n]*\n|/\*(?s:.*?)\*/)*+"
EXPLAIN = re.compile(
    rf"{BLANK}explain\b{BLANK}(analyze\b{BLANK})?(\(\s*(format|analyze)\b[^()]*\))?", re.IGNORECASE
)
# Written without parentheses these are columns to the parser.
MOMENTS = re.compile(r"current_\w+|local(time|timestamp)|(session_)?user", re.IGNORECASE)


@dataclass(frozen=True)
class Statement:
    """One SELECT.

    Attributes:
        sql: as it was given.
        normal: the same for queries that differ in comments, spaces and capitals of keywords only.
        tables: `schema.table`, in small letters, of all that it reads, where it names nothing but
            tables of these schemas; None where it reads something else, or where the next
            call may give other rows.
    """

    sql: str
    normal: str
    tables: frozenset[str] | None


def parse(con: duckdb.DuckDBPyConnection, sql: str) -> Statement:
    """Parse one SELECT, or one EXPLAIN of it.

    Raises:
        QueryFailed: the syntax is wrong, or it does something other than read.
    """
    try:
        kinds = [statement.type for statement in con.extract_statements(sql)]
    except duckdb.Error as error:
        raise QueryFailed(str(error)) from None
    if kinds == [duckdb.StatementType.EXPLAIN]:
        begins = EXPLAIN.match(sql)
        if begins is None:
            raise QueryFailed("EXPLAIN has to be the first word")
        return Statement(sql, parse(con, sql[begins.end() :]).normal, None)
    if kinds != [duckdb.StatementType.SELECT]:
        raise QueryFailed(_refusal(sql, len(kinds)))
    answer = con.execute(f"SELECT json_serialize_sql({quoted(sql)})").fetchall()[0][0]
    tree = json.loads(answer)
    if tree["error"]:
        raise QueryFailed(_refusal(sql, 1))
    found = list(_nodes(tree))
    functions = {_name(node) for node in found if node.get("class") in ("FUNCTION", "WINDOW")}
    tabular = {_name(node["function"]) for node in found if node.get("type") == "TABLE_FUNCTION"}
    if tabular - READERS:
        named = ", ".join(sorted(tabular - READERS))
        raise QueryFailed(f"{named} is not for queries; the lake is read-only here")
    changing = functions & _changing() or any(map(MOMENTS.fullmatch, functions))
    repeats = not (changing or tabular - PURE or any(map(_varies, found)))
    normal = json.dumps(_without_places(tree), separators=(",", ":"))
    return Statement(sql, normal, _tables(found) if repeats else None)


def _refusal(sql: str, count: int) -> str:
    if re.match(r"\s*pivot\b", sql, re.IGNORECASE):
        return "PIVOT needs its values here: PIVOT … ON column IN ('a', 'b') USING …"
    if count != 1:
        return f"one statement at a time; this is {count}"
    return "the lake is read-only here: use SELECT"


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Every object of the tree, without recursion: a query may be nested deeper than Python."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            yield node
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)


def _name(node: dict[str, Any]) -> str:
    return str(node["function_name"]).lower()


@cache
def _changing() -> frozenset[str]:
    """The functions, and macros of them, that DuckDB does not call consistent, such as random.

    With one argument `age` counts from today, and `getvariable` depends on the connection.
    """
    with engine.connect("256MiB", 1, Path(tempfile.gettempdir())) as con:
        rows = con.execute(
            "SELECT DISTINCT lower(function_name), coalesce(stability, ''), "
            "lower(coalesce(macro_definition, '')) FROM duckdb_functions()"
        ).fetchall()
    changing = {name for name, stability, _ in rows if stability not in ("CONSISTENT", "")}
    changing |= {"age", "getvariable"}
    word = re.compile(rf"\b({'|'.join(map(re.escape, changing))}|{MOMENTS.pattern})\b")
    return frozenset(changing | {name for name, _, definition in rows if word.search(definition)})


def _varies(node: dict[str, Any]) -> bool:
    """Whether this is a sample, a moment, or a look at the database itself."""
    if node.get("sample") or node.get("type") == "SHOW_REF" or node.get("at_clause"):
        return True
    names = node.get("column_names") or []
    return len(names) == 1 and bool(MOMENTS.fullmatch(str(names[0])))


def _tables(found: list[dict[str, Any]]) -> frozenset[str] | None:
    """The published tables that are read; None where anything else is."""
    named = {
        str(entry["key"]).lower()
        for node in found
        for entry in (node.get("cte_map") or {"map": []})["map"]
    }
    tables = set()
    for node in (node for node in found if node.get("type") == "BASE_TABLE"):
        catalog, schema, name = (
            str(node[part]).lower() for part in ("catalog_name", "schema_name", "table_name")
        )
        if catalog or schema not in ("silver", "archive", "metadata"):
            if catalog or schema or name not in named:
                return None
        else:
            tables.add(f"{schema}.{name}")
    return frozenset(tables)


def _without_places(tree: Any) -> Any:
    """The tree less where each part stood in the text."""
    for node in _nodes(tree):
        node.pop("query_location", None)
    return tree
