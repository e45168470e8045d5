"""Every session of a data set: what bronze holds of it, what is published, what was rejected."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal

import duckdb

from lake.calendar import sessions
from lake.datasets import Dataset
from lake.layout import Layout

State = Literal["complete", "partial", "missing", "quarantined"]

# A day with a smaller share of the mean rows of the 20 before it is thin. An early close shortens
# a day of minute bars, so those are counted by the minute.
THIN = 0.5
# Sessions whose published rows are counted; of older days it is enough that they are published,
# since the gate counted them then. Counting five years of minutes would take minutes.
COUNTED = 63

SQL = """
WITH files AS (
    SELECT
        parse_filename(files.file_name, true)::DATE AS date,
        files.num_rows AS rows,
        files.file_size_bytes AS bytes,
        (decode(origin.value)::JSON ->> 'bytes')::BIGINT AS source_bytes
    FROM parquet_file_metadata($bronze) AS files
    LEFT JOIN parquet_kv_metadata($bronze) AS origin
        ON files.file_name = origin.file_name AND origin.key = 'quantmini'
),
rejected AS (
    {rejected}
),
published AS (
    {published}
),
expected AS (
    SELECT date, date_diff('minute', open, close) AS minutes FROM sessions
    WHERE date BETWEEN (SELECT min(date) FROM files)
        AND greatest($due::DATE, (SELECT max(date) FROM files))
),
days AS (
    SELECT
        date,
        expected.minutes IS NOT NULL AS is_session,
        files.rows,
        files.bytes,
        files.source_bytes,
        published.date IS NOT NULL AS is_published,
        published.rows AS published_rows,
        coalesce(rejected.rows, 0) AS rejected_rows,
        list_contains($damaged::VARCHAR[], date::VARCHAR) AS is_damaged,
        files.rows / CASE WHEN $minute THEN coalesce(expected.minutes, 390) ELSE 1 END AS density
    FROM expected
    FULL JOIN files USING (date)
    FULL JOIN published USING (date)
    FULL JOIN rejected USING (date)
),
compared AS (
    SELECT *, density / avg(density) OVER (
        ORDER BY date ROWS BETWEEN 20 PRECEDING AND 1 PRECEDING
    ) AS share
    FROM days
),
judged AS (
    SELECT *, list_filter([
        CASE WHEN is_damaged THEN 'the bronze file cannot be read' END,
        CASE WHEN rows IS NULL AND is_session AND NOT is_damaged THEN 'no file in bronze' END,
        CASE WHEN rows IS NULL AND is_published AND NOT is_damaged
            THEN 'published, but gone from bronze' END,
        CASE WHEN NOT is_session THEN 'the exchange was closed' END,
        CASE WHEN rows IS NOT NULL AND NOT is_published THEN 'not published' END,
        CASE WHEN published_rows <> rows
            THEN format('{{:,}} rows published, {{:,}} in bronze', published_rows, rows) END,
        CASE WHEN share < {thin}
            THEN format('{{:.0f}} % of the mean of the 20 days before', 100 * share) END
    ], lambda reason: reason IS NOT NULL) AS reasons
    FROM compared
)
SELECT
    date,
    CASE
        WHEN rows IS NULL AND NOT is_damaged THEN 'missing'
        WHEN reasons <> [] THEN 'partial'
        WHEN rejected_rows > 0 THEN 'quarantined'
        ELSE 'complete'
    END AS state,
    coalesce(rows, 0),
    rejected_rows,
    array_to_string(list_concat(reasons, CASE WHEN rejected_rows > 0
        THEN [format('{{:,}} rows quarantined', rejected_rows)] ELSE [] END), '; '),
    coalesce(bytes, 0),
    coalesce(source_bytes, 0)
FROM judged ORDER BY date
"""
NONE = "SELECT NULL::DATE AS date, NULL::BIGINT AS rows WHERE false"
REJECTED = """SELECT parse_filename(file_name, true)::DATE AS date, num_rows AS rows
    FROM parquet_file_metadata($rejected)"""
# The ledger at the published snapshot names the days; the newest are counted.
PUBLISHED = """SELECT days.date, counted.rows
    FROM (FROM lake.metadata.days_{dataset} AT (VERSION => {snapshot})) AS days
    LEFT JOIN (
        SELECT date, count(*) AS rows FROM silver.{dataset}
        WHERE date >= $counted_from GROUP BY date
    ) AS counted ON counted.date = days.date"""


@dataclass(frozen=True)
class Day:
    """One session, or a day with bars although the exchange was closed.

    Attributes:
        reasons: why somebody should look at it; empty where nothing is odd.
        rows: in bronze. bytes: of the bronze file. source_bytes: of the vendor's CSV.gz.
    """

    date: date
    state: State
    rows: int
    rejected: int
    reasons: str
    bytes: int
    source_bytes: int


def coverage(
    connection: duckdb.DuckDBPyConnection,
    layout: Layout,
    dataset: Dataset,
    snapshot: int | None,
    due: date | None,
) -> list[Day]:
    """Every session from the first bronze day to the last, or to the last due one, in order.

    Args:
        connection: the published lake, or any where nothing is published.
        layout: the lake.
        dataset: which data set.
        snapshot: its published snapshot, None where it has none.
        due: the newest session that should be there; None ends at the last bronze day.
    """
    files = layout.bronze_files(dataset)
    if not files:
        return []
    quarantine = layout.quarantine_folder(dataset).glob("????-??-??.parquet")
    rejected = [str(path) for path in quarantine if readable(connection, path)]
    sql = SQL.format(
        rejected=REJECTED if rejected else NONE,
        published=PUBLISHED.format(dataset=dataset.name, snapshot=snapshot) if snapshot else NONE,
        thin=THIN,
    )
    parameters: dict[str, Any] = {
        "bronze": [str(path) for path in files.values()],
        "damaged": [],
        "due": due,
        "minute": dataset.minute,
    }
    if rejected:
        parameters["rejected"] = rejected
    if snapshot:
        parameters["counted_from"] = list(files)[-COUNTED:][0]
    connection.register("sessions", sessions())
    try:
        rows = connection.execute(sql, parameters).fetchall()
    except duckdb.Error:
        whole = {day: path for day, path in files.items() if readable(connection, path)}
        if not whole or len(whole) == len(files):
            raise
        parameters["bronze"] = [str(path) for path in whole.values()]
        parameters["damaged"] = [str(day) for day in files if day not in whole]
        rows = connection.execute(sql, parameters).fetchall()
    return [Day(*row) for row in rows]


def readable(connection: duckdb.DuckDBPyConnection, path: Path) -> bool:
    """Whether a Parquet file has a footer."""
    try:
        connection.execute("FROM parquet_file_metadata($path)", {"path": str(path)})
    except duckdb.Error:
        return False
    return True
