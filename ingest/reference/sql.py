"""The SQL of `build`: parsing and checking rows, and merging them into a file of a table.

Names come from `tables`; values that come from elsewhere are bound, paths are quoted.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

from ingest.reference.tables import Column, Table
from lake.sql import quoted

TYPES = {
    "string": "VARCHAR",
    "number": "DOUBLE",
    "whole": "INTEGER",
    "date": "DATE",
    "moment": "TIMESTAMPTZ",
    "flag": "BOOLEAN",
    "json": "VARCHAR",
}
NOUNS = {
    "number": "a number",
    "whole": "a whole number",
    "date": "a date",
    "moment": "a time",
    "flag": "true or false",
}
# The reader holds 16 MiB a page until a statement ends, hence this many at a time.
BATCH_PAGES = 8
# Places in lists, not a join with `pages`, which could hold all JSON in its hash table.
FILES = "read_json_objects($files, format = 'unstructured', filename = true)"
# One parse of a page gives every field; a row that is no object gives a row without any.
PARSED = (
    """
{into}
WITH answers AS (
    SELECT
        CAST($first + list_position($files, filename) - 1 AS INTEGER) AS page,
        $asked[list_position($files, filename)] AS asked,
        from_json({rows}, '{shape}') AS listed
    FROM """
    + FILES
    + """
),
rows AS (
    SELECT page, asked, unnest(listed) AS row, unnest(range(len(listed))) AS position FROM answers
),
typed AS (SELECT page, position, row, {values} FROM rows)
SELECT * EXCLUDE (row), CASE {complaints} END AS reason, {part} AS part FROM typed
"""
)
REJECTED = """
CREATE TABLE rejected AS
SELECT page, position, reason, NULL::VARCHAR AS raw FROM parsed WHERE reason IS NOT NULL;
CREATE TABLE copies (page INTEGER)
"""
CONFLICT = "another row of the same key came later"


def words(table: Table) -> dict[str, str]:
    """What `PARSED` needs to know of a table."""
    names = [column.name for column in table.columns]
    complaints = [_complaints(column) for column in table.columns]
    complaints += [f"WHEN {condition} THEN '{reason}'" for reason, condition in table.rules]
    return {
        "rows": table.rows,
        "shape": "[{" + ", ".join(f'"{name}": "JSON"' for name in names) + "}]",
        "values": ", ".join(f'{_value(column)} AS "{column.name}"' for column in table.columns),
        "complaints": " ".join(complaints),
        "part": table.part,
    }


def _text(column: Column) -> str:
    return f"""(row."{column.name}"->>'$')"""


def _value(column: Column) -> str:
    """The field as its type, NULL where it is not of that type."""
    text, kind = _text(column), column.kind
    found = f"TRY_CAST({text} AS {TYPES[kind]})"
    if kind == "json":
        return f'CAST(row."{column.name}" AS VARCHAR)'
    if kind == "string":
        return f"NULLIF({text}, '')"
    # TRY_CAST also takes what no vendor means: a number in quotes, 'infinity', '2024-1-5'.
    form = {
        "number": f"""json_type(row."{column.name}") IN ('UBIGINT', 'BIGINT', 'DOUBLE')
            AND isfinite({found})""",
        "whole": f"""json_type(row."{column.name}") IN ('UBIGINT', 'BIGINT', 'DOUBLE')
            AND {found} = TRY_CAST({text} AS DOUBLE)""",
        "date": rf"regexp_full_match({text}, '\d{{4}}-\d{{2}}-\d{{2}}')",
        "moment": rf"regexp_matches({text}, '^\d{{4}}-\d{{2}}-\d{{2}}(T|$)')",
        "flag": f"""json_type(row."{column.name}") = 'BOOLEAN'""",
    }[kind]
    default = f"WHEN {text} IS NULL THEN {column.default} " if column.default != "NULL" else ""
    return f"CASE {default}WHEN {form} THEN {found} END"


def _complaints(column: Column) -> str:
    """WHEN clauses for what can be wrong with a field. Empty text is taken for none."""
    name, text = column.name, _text(column)
    cases = []
    if column.required and column.default == "NULL":
        cases.append(f"WHEN coalesce({text}, '') = '' THEN '{name} is missing'")
    if column.required and column.kind == "string":
        cases.append(f"""WHEN json_type(row."{name}") <> 'VARCHAR' THEN '{name} is not text'""")
    if column.kind in NOUNS:
        cases.append(f"""WHEN {text} <> '' AND "{name}" IS NULL """)
        cases[-1] += f"THEN '{name} is not {NOUNS[column.kind]}'"
    return " ".join(cases)


def merged(table: Table, stem: str, old: Path | None, since: date | None) -> list[str]:
    """Statements that make `ranked`: the rows of one file, the one to keep of each key first.

    Args:
        table: which table.
        stem: of the file.
        old: the present file, where an incremental sync leaves rows of it in the table.
        since: first date of that sync.
    """
    columns, key = _columns(table), ", ".join(table.key)
    kept = ""
    if old is not None and table.keeps is not None:
        keeps = table.keeps.replace("$since", f"DATE '{since}'")
        kept = f"UNION ALL SELECT {columns}, -1, row_number() OVER () FROM "
        kept += f"read_parquet({quoted(old)}) WHERE {keeps}"
    fresh = f"SELECT {columns}, page, position FROM parsed WHERE reason IS NULL AND part = '{stem}'"
    latest = "ORDER BY page DESC, position DESC"
    return [
        f"CREATE OR REPLACE TABLE fresh AS {fresh}",
        f"""
        CREATE OR REPLACE TABLE ranked AS
        WITH together AS (SELECT * FROM fresh {kept}),
        single AS (
            SELECT *, row_number() OVER (PARTITION BY {columns} {latest}) AS copy FROM together
        )
        SELECT *, row_number() OVER (PARTITION BY copy = 1, {key} {latest}) AS place FROM single
        """,
        "INSERT INTO copies SELECT page FROM ranked WHERE copy > 1",
        f"""
        INSERT INTO rejected
        SELECT page, position, '{CONFLICT}',
            CASE WHEN page = -1 THEN to_json(struct_pack({_pairs(table)})) END
        FROM ranked WHERE copy = 1 AND place > 1
        """,
    ]


def write(table: Table, path: Path) -> str:
    """The statement that writes `ranked` to a file."""
    rows = f"SELECT {_columns(table)} FROM ranked WHERE copy = 1 AND place = 1 ORDER BY ALL"
    return f"COPY ({rows}) TO {quoted(path)} (FORMAT parquet, COMPRESSION zstd)"


def _columns(table: Table) -> str:
    return ", ".join(f'"{column.name}"' for column in table.columns)


def _pairs(table: Table) -> str:
    return ", ".join(f'"{column.name}" := "{column.name}"' for column in table.columns)
