"""What is told of dbt's results."""

from __future__ import annotations

from pathlib import Path

from flows.gate import OUT_OF_SYNC, read_results
from lake.datasets import pick
from lake.layout import Layout


def test_a_new_column_names_the_command_that_makes_it(tmp_path: Path) -> None:
    """dbt says so at length, and nothing of what helps."""
    told = {
        "unique_id": "model.quantmini.stocks_daily",
        "status": "error",
        "message": f"Compilation Error\n  The source and target {OUT_OF_SYNC}! [DuckDBColumn(…)]",
        "execution_time": 0.1,
        "failures": None,
    }
    found = read_results({"results": [told]}, {"nodes": {}}, pick(None), Layout(tmp_path))
    [failure] = found["failures"]
    assert failure["dataset"] == "stocks_daily"
    assert "`uv run dbt build --select +stocks_daily --full-refresh`" in failure["message"]
    assert "DuckDBColumn" not in failure["message"]
