"""dbt in a process of its own, as a user runs it, but forked from one that has imported it."""

from __future__ import annotations

import atexit
import json
import os
import resource
import sys
from collections import Counter
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from lake.settings import PROJECT
from tests.conftest import PARSED
from tests.forked import forking


def call(arguments: list[str], environment: dict[str, str], output: Path) -> None:
    """What the `dbt` script does, with its output in a file; the exit code is dbt's."""
    from dbt.cli.main import cli

    with output.open("w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    os.chdir(PROJECT / "dbt_project")
    # The fork server keeps what was set when it began, maybe for another test.
    for name in [name for name in os.environ if name.startswith(("QUANTMINI_", "DBT_"))]:
        del os.environ[name]
    os.environ.update(environment)
    sys.argv = ["dbt", *arguments]
    try:
        cli()
    finally:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        output.with_suffix(".peak").write_text(str(peak), encoding="utf-8")
        # As where Python ends, which a forked process does not come to.
        atexit._run_exitfuncs()


class Dbt:
    """Runs dbt on a lake, by default as `quantmini` does on one that is not shared."""

    def __init__(self, target: Path, environment: dict[str, str] | None = None) -> None:
        self.target = target
        self.environment = environment or {}
        self.output = target / "output.txt"
        self.context = forking()

    def start(self, lake: Path, *arguments: str, batch_rows: int = 4_000_000) -> ForkServerProcess:
        """Start one dbt command from the project folder."""
        own = {key: value for key, value in os.environ.items() if key.startswith("QUANTMINI_")}
        environment = own | {
            "QUANTMINI_LAKE": str(lake),
            "QUANTMINI_BATCH_ROWS": str(batch_rows),
            "DBT_TARGET_PATH": str(self.target),
            "DBT_LOG_PATH": str(self.target),
            PARSED: os.environ[PARSED],
            **self.environment,
        }
        target = [] if "--target" in arguments else ["--target", "local"]
        words = ["--quiet", *arguments, *target]
        process = self.context.Process(target=call, args=(words, environment, self.output))
        process.start()
        return process

    def __call__(
        self, lake: Path, *arguments: str, batch_rows: int = 4_000_000
    ) -> CompletedProcess[str]:
        """Run one dbt command and return it, whatever its exit code."""
        process = self.start(lake, *arguments, batch_rows=batch_rows)
        process.join()
        output: Any = self.output.read_text(encoding="utf-8")
        return CompletedProcess(arguments, process.exitcode or 0, output)

    def results(self, kind: str) -> Counter[str]:
        """How many nodes of a kind, such as `unit_test`, ended how in the last command."""
        return Counter(status for _, status in self._ended(kind))

    def names(self, kind: str, status: str) -> set[str]:
        """The nodes of a kind that ended so in the last command, without dbt's hashes."""
        return {name.split(".")[2] for name, how in self._ended(kind) if how == status}

    def _ended(self, kind: str) -> list[tuple[str, str]]:
        results = json.loads((self.target / "run_results.json").read_text(encoding="utf-8"))
        nodes = [(node["unique_id"], node["status"]) for node in results["results"]]
        return [(name, status) for name, status in nodes if name.startswith(f"{kind}.")]

    @property
    def peak(self) -> int:
        """Bytes of memory that the last command held at most."""
        return int(self.output.with_suffix(".peak").read_text(encoding="utf-8")) * 1024

    def build(self, lake: Path, *arguments: str, batch_rows: int = 4_000_000) -> None:
        """`dbt build --select silver`, which has to succeed."""
        run = self(lake, "build", "--select", "silver", *arguments, batch_rows=batch_rows)
        assert run.returncode == 0, run.stdout


@pytest.fixture(scope="session")
def dbt(tmp_path_factory: pytest.TempPathFactory, parsed: None) -> Dbt:
    return Dbt(tmp_path_factory.mktemp("dbt"))
