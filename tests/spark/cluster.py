"""A Spark standalone cluster on loopback, and dbt on it, as a user runs both."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import threading
from collections.abc import Iterator
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import IO

import pyspark

from lake.settings import PROJECT
from tests.conftest import PARSED

SPARK = Path(pyspark.__file__).parent
# One core for each of two workers; small data wants few partitions and little compiled code.
DEFAULTS = """\
spark.executor.memory 512m
spark.driver.memory 1g
spark.sql.shuffle.partitions 2
spark.ui.showConsoleProgress false
spark.sql.codegen.wholeStage false
spark.sql.codegen.factoryMode NO_CODEGEN
"""
# What is compiled well is not used long enough here to be worth it.
JAVA = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"


@contextlib.contextmanager
def cluster(folder: Path) -> Iterator[str]:
    """A master and two workers, a core each; gives the master's address."""
    started: list[subprocess.Popen[str]] = []
    try:
        master = daemon(folder, "master.Master", "--port", "0", "--webui-port", "0")
        started.append(master)
        log = master.stderr
        assert log is not None
        address = wait_for(log, r"Starting Spark master at (spark://\S+)")
        size = ("--cores", "1", "--memory", "512m", "--webui-port", "0", "--work-dir", str(folder))
        for _ in range(2):
            started.append(daemon(folder, "worker.Worker", *size, address))
        for _ in range(2):
            wait_for(log, "Registering worker")
        for process in started:
            threading.Thread(target=drain, args=(process.stderr,), daemon=True).start()
        yield address
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait()


def daemon(folder: Path, name: str, *arguments: str) -> subprocess.Popen[str]:
    """One of Spark's own daemons."""
    command = [str(SPARK / "bin/spark-class"), f"org.apache.spark.deploy.{name}"]
    return subprocess.Popen(
        [*command, "--host", "127.0.0.1", *arguments],
        env=os.environ
        | {"SPARK_HOME": str(SPARK), "SPARK_LOCAL_IP": "127.0.0.1", "JAVA_TOOL_OPTIONS": JAVA},
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(log: IO[str], pattern: str) -> str:
    """Read on until a line matches; give its group, or all that matched."""
    read = []
    for line in log:
        read.append(line)
        if found := re.search(pattern, line):
            return found[found.re.groups]
    raise AssertionError("".join(read))


def drain(log: IO[str]) -> None:
    """Read what nobody wants, so that whoever writes it does not wait."""
    for _ in log:
        pass


def serve(connection: Connection, environment: dict[str, str], output: Path) -> None:
    """Run the dbt commands that come in, on one Spark session; answer whether each succeeded."""
    with output.open("w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    os.environ.update(environment)
    del os.environ[PARSED]  # It is of DuckDB's target.
    os.chdir(PROJECT / "dbt_project")
    from dbt.cli.main import dbtRunner

    while command := connection.recv():
        connection.send(bool(dbtRunner().invoke(command).success))


@contextlib.contextmanager
def dbt_on_spark(master: str, lake: Path, folder: Path) -> Iterator[SparkDbt]:
    """dbt with `--target spark`, its Spark session kept from one command to the next."""
    configuration = folder / "conf"
    configuration.mkdir()
    (configuration / "spark-defaults.conf").write_text(DEFAULTS, encoding="utf-8")
    environment = {
        "QUANTMINI_LAKE": str(lake),
        "QUANTMINI_SPARK_MASTER": master,
        "SPARK_CONF_DIR": str(configuration),
        "SPARK_LOCAL_IP": "127.0.0.1",
        # Hive leaves a folder there.
        "JAVA_TOOL_OPTIONS": f"{JAVA} -Djava.io.tmpdir={folder}",
        "DBT_TARGET_PATH": str(folder / "target"),
        "DBT_LOG_PATH": str(folder / "target"),
    }
    here, there = get_context("spawn").Pipe()
    output = folder / "output.txt"
    process = get_context("spawn").Process(target=serve, args=(there, environment, output))
    process.start()
    there.close()
    try:
        yield SparkDbt(here, output)
    finally:
        with contextlib.suppress(BrokenPipeError):
            here.send(None)
        process.join()


class SparkDbt:
    """Sends dbt commands to the process that has the Spark session."""

    def __init__(self, connection: Connection, output: Path) -> None:
        self.connection = connection
        self.output = output

    def build(self, *arguments: str) -> None:
        """`dbt build --target spark --select silver`, which has to succeed."""
        words = ["build", "--target", "spark", "--select", "silver", *arguments]
        self.connection.send(["--no-use-colors", *words])
        assert self.connection.recv(), self.output.read_text(encoding="utf-8")
