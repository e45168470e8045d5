"""dbt in a process of its own, as a user runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lake.settings import PROJECT


class Dbt:
    """Runs dbt on a lake; parsed files are shared between the runs of one session."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def start(
        self, lake: Path, *arguments: str, batch_rows: int = 4_000_000
    ) -> subprocess.Popen[str]:
        """Start one dbt command from the project folder."""
        return subprocess.Popen(
            [str(Path(sys.executable).with_name("dbt")), "--quiet", *arguments],
            cwd=PROJECT / "dbt_project",
            env=os.environ
            | {
                "QUANTMINI_LAKE": str(lake),
                "QUANTMINI_BATCH_ROWS": str(batch_rows),
                "DBT_TARGET_PATH": str(self.target),
                "DBT_LOG_PATH": str(self.target),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def __call__(
        self, lake: Path, *arguments: str, batch_rows: int = 4_000_000
    ) -> subprocess.CompletedProcess[str]:
        """Run one dbt command and return it, whatever its exit code."""
        with self.start(lake, *arguments, batch_rows=batch_rows) as process:
            output, _ = process.communicate()
        return subprocess.CompletedProcess(process.args, process.returncode, output)

    def build(self, lake: Path, *arguments: str, batch_rows: int = 4_000_000) -> None:
        """`dbt build --select silver`, which has to succeed."""
        run = self(lake, "build", "--select", "silver", *arguments, batch_rows=batch_rows)
        assert run.returncode == 0, run.stdout


@pytest.fixture(scope="session")
def dbt(tmp_path_factory: pytest.TempPathFactory) -> Dbt:
    return Dbt(tmp_path_factory.mktemp("dbt"))
