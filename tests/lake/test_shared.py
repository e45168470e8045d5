"""One catalog, several machines: a folder each, one PostgreSQL and one bucket (docs/scaling.md)."""

from __future__ import annotations

import contextlib
import gzip
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import date
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import duckdb
import pytest

import lake
from flows import dbt as running
from flows.transform import transform
from ingest.sample_market import write_sample_market
from lake import catalog, engine, settings
from lake.attaching import attach
from lake.datasets import DATASETS
from lake.errors import LakeBusy, NotBuilt, SourceUnavailable
from lake.layout import Layout
from lake.lock import descriptors, writing
from lake.profile import limits_for
from tests.conftest import PARSED, parse, quantmini
from tests.dbt_project.bronze import silver, write_day, write_splits
from tests.dbt_project.conftest import Dbt
from tests.flows.counts import csv_rows
from tests.forked import forking
from tests.ingest.conftest import SECRET, Server, s3_server
from tests.lake.servers import PASSWORD, SharedLake, admin, postgres, shared_lake

__all__ = ["s3_server"]

DAYS, MINUTES = DATASETS["stocks_daily"], DATASETS["stocks_minute"]
JUNE = [date(2024, 6, day) for day in (3, 4, 5)]


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with postgres() as found:
        yield found


@pytest.fixture
def shared(
    port: int,
    s3_server: Server,
    request: pytest.FixtureRequest,
    common_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> SharedLake:
    """An empty lake that machines share; this process has its settings."""
    if request.node.get_closest_marker("slow"):
        monkeypatch.setenv(PARSED, str(parse(common_folder, "shared")))
    name = f"lake-{abs(hash(request.node.name))}"
    made = shared_lake(port, s3_server, name)
    monkeypatch.setenv("QUANTMINI_LAKE", str(tmp_path / "reader"))
    for variable, value in made.environment.items():
        monkeypatch.setenv(variable, value)
    return made


def machine(folder: Path) -> Layout:
    """The lake as a machine sees it whose own files are in this folder."""
    return Layout(folder, settings.load().lake.layout().shared)


def table(layout: Layout, name: str) -> list[tuple[Any, ...]]:
    with catalog.connect(layout, "512MiB", 1) as connection:
        return connection.sql(f"SELECT * FROM silver.{name} ORDER BY ALL").fetchall()


def ran(layout: Layout, *words: str, **variables: str) -> str:
    done = quantmini(layout.root, *words, **variables)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def restate_and_add(source: Path, later: Path, names: list[str]) -> None:
    """The vendor's second day loses its last row, and a third day comes."""
    for dataset in (DATASETS[name] for name in names):
        first, second, third = sorted((later / dataset.prefix).rglob("*.csv.gz"))
        lines = gzip.decompress(second.read_bytes()).splitlines(keepends=True)
        target = source / second.relative_to(later)
        target.write_bytes(gzip.compress(b"".join(lines[:-1])))
        shutil.copy(third, source / third.relative_to(later))
        assert first.exists()


@pytest.mark.slow(170)
def test_two_machines_write_at_once_and_readers_see_whole_snapshots(
    shared: SharedLake,
    common_folder: Path,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    names = ["stocks_daily", "options_minute"]
    later, source = tmp_path / "later", tmp_path / "market"
    write_sample_market(later, sessions=3, symbols=2, strikes=1)
    shutil.copytree(later, source)
    for name in names:
        sorted((source / DATASETS[name].prefix).rglob("*.csv.gz"))[-1].unlink()
    only_silver = {"QUANTMINI_PROCESSING__ENABLE_BINARY_CONVERSION": "false"}
    words = ("--source", str(source))
    one, two = (machine(tmp_path / name) for name in ("one", "two"))
    said = ran(one, "run", *names, *words, **only_silver)
    shutil.copytree(one.root / "bronze", two.root / "bronze")
    before = {name: len(table(one, name)) for name in names}
    assert before == {name: total(source, name) for name in names}
    assert by_files("QUAD") == [row for row in table(one, "stocks_daily") if row[0] == "QUAD"]

    restate_and_add(source, later, names)
    after = {name: total(source, name) for name in names}
    program = str(Path(sys.executable).with_name("quantmini"))
    writers = [
        subprocess.Popen(
            [program, "run", name, *words],
            env=os.environ | only_silver | {"QUANTMINI_LAKE": str(layout.root)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for name, layout in zip(names, (one, two), strict=True)
    ]
    seen: set[tuple[str, int]] = set()
    reader = machine(tmp_path / "reader")
    while writing_now := [writer for writer in writers if writer.poll() is None]:
        with catalog.connect(reader, "512MiB", 1) as connection:
            for name in names:
                [(rows,)] = connection.sql(f"SELECT count(*) FROM silver.{name}").fetchall()
                seen.add((name, rows))
        with contextlib.suppress(subprocess.TimeoutExpired):
            writing_now[0].wait(0.5)
    for writer in writers:
        out = writer.communicate()[0]
        said += out
        assert writer.returncode == 0, out
    assert seen <= {*before.items(), *after.items()}
    assert seen >= set(before.items())

    local = Layout(tmp_path / "local")
    for name, layout in zip(names, (one, two), strict=True):
        dataset = DATASETS[name]
        shutil.copytree(layout.bronze_folder(dataset), local.bronze_folder(dataset))
    local_lake = dict.fromkeys(shared.environment, "") | {PARSED: str(parse(common_folder))}
    alone = Dbt(tmp_path_factory.mktemp("dbt"), local_lake)
    models = ("build", "--exclude-resource-type", "test", "unit_test", "--select")
    assert alone(local.root, *models, *(f"@{name}" for name in names)).returncode == 0
    built = {name: rows for name, rows in silver(local.root).items() if rows}
    assert set(built) <= set(catalog.tables(reader))
    for name in catalog.tables(reader):
        assert table(reader, name) == built.get(name, []), name
    assert not (reader.root / "silver").exists()
    assert after == {name: len(built[name]) for name in names}
    bars = lake.bars("QUAD").fetchall()
    assert bars == [row for row in built["stocks_daily"] if row[0] == "QUAD"]

    # Its copy of the other's bronze is from before, so it would not verify.
    shutil.rmtree(two.bronze_folder(DAYS))
    said += ran(two, "maintain", "all", QUANTMINI_MAINTENANCE__KEEP_SNAPSHOTS_DAYS="0")
    assert after == {name: len(table(reader, name)) for name in names}
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    said += "".join(path.read_text(encoding="utf-8", errors="replace") for path in files)
    for secret in (PASSWORD, shared.environment["QUANTMINI_LAKE__CATALOG"], SECRET):
        assert secret not in said


def by_files(symbol: str) -> list[tuple[Any, ...]]:
    """Its day bars, read from a list of files in the bucket."""
    with lake.connect() as db:
        answer = db.bars(symbol)
        assert all(file.startswith("s3://") for file in answer.variables["files"])
        return answer.fetchall()


def total(source: Path, name: str) -> int:
    return sum(rows for (of, _), rows in csv_rows(source).items() if of == name)


def write(root: Path) -> None:
    layout = machine(root)
    with engine.connect("256MiB", 1, root) as connection:
        attach(connection, layout, read_only=False)
        connection.execute(f"CREATE TABLE lake.silver.{root.name} AS SELECT 1 AS one")


def in_process(shared: SharedLake, function: Callable[..., None], *arguments: Any) -> Any:
    process = forking().Process(target=started, args=(shared, function, *arguments))
    process.start()
    return process


def started(shared: SharedLake, function: Callable[..., None], *arguments: Any) -> None:
    os.environ.update(shared.environment)
    function(*arguments)


def test_a_catalog_that_is_empty_is_made_once(shared: SharedLake, tmp_path: Path) -> None:
    layout = machine(tmp_path)
    assert not catalog.exists(layout)
    with pytest.raises(NotBuilt, match="quantmini run"):
        catalog.connect(layout, "256MiB", 1)
    machines = [in_process(shared, write, tmp_path / name) for name in ("a", "b", "c")]
    for process in machines:
        process.join()
    assert [process.exitcode for process in machines] == [0, 0, 0]
    assert catalog.exists(layout)


def hold(root: Path, ready: Connection, fifo: Path) -> None:
    """A writer that waits for a program of its own, as for dbt."""
    with writing(machine(root), [DAYS]):
        subprocess.Popen(["/bin/cat", str(fifo)], pass_fds=descriptors())
        ready.send(os.getpid())
        ready.poll(600)


def test_a_data_set_has_one_writer_until_it_and_its_dbt_have_ended(
    shared: SharedLake, tmp_path: Path
) -> None:
    mine, other = machine(tmp_path / "mine"), tmp_path / "other"
    here, there = Pipe()
    os.mkfifo(tmp_path / "fifo")
    holder = in_process(shared, hold, other, there, tmp_path / "fifo")
    pid = here.recv()
    busy = f"{socket.gethostname()[:32]} process {pid} is writing stocks_daily to postgresql://"
    for words in (["transform", "stocks_daily"], ["maintain", "compact"]):
        done = quantmini(mine.root, *words)
        assert done.returncode == 1
        assert busy in done.stderr
        assert PASSWORD not in done.stderr
    with writing(mine, [MINUTES]):
        pass
    holder.kill()
    holder.join()
    with pytest.raises(LakeBusy, match=busy), writing(mine, [DAYS]):
        pass
    (tmp_path / "fifo").write_text("the end")
    with writing(mine, [DAYS], wait=True):
        pass


@pytest.mark.slow(170)
def test_a_machine_without_all_of_bronze_makes_silver_forget_nothing(
    shared: SharedLake, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    dbt = Dbt(tmp_path_factory.mktemp("dbt"), shared.environment)
    build = ("build", "--target", "shared", "--exclude-resource-type", "unit_test", "--select")
    one, two = (machine(tmp_path / name) for name in ("one", "two"))
    for day in JUNE:
        write_day(one.root, "stocks_daily", day)
    write_splits(one.root, {("AAA", JUNE[1]): (1.0, 2.0)})
    first = dbt(one.root, *build, "@stocks_daily")
    assert first.returncode == 0, first.stdout
    before = table(one, "stocks_daily")

    write_day(two.root, "stocks_daily", JUNE[0])
    for day in JUNE[:2]:
        write_day(two.root, "options_daily", day)
    ignorant = dbt(two.root, *build, "@stocks_daily", "options_daily").stdout
    assert "bronze on this machine lacks (2)" in ignorant
    assert "`quantmini ingest stocks_daily --start 2024-06-04 --end 2024-06-05`" in ignorant
    assert "`quantmini ingest stocks_daily --start 2024-06-04 --end 2024-06-04`" in ignorant
    assert table(two, "stocks_daily") == before

    told = dbt(two.root, *build, "@stocks_daily", "--vars", "missing_bronze: forget")
    assert "`quantmini reference sync` here first" in told.stdout
    assert table(two, "stocks_daily") == before
    write_splits(two.root, {("AAA", JUNE[1]): (1.0, 2.0)})
    told = dbt(two.root, *build, "@stocks_daily", "--vars", "missing_bronze: forget")
    assert told.returncode == 0, told.stdout
    assert table(two, "stocks_daily") == [row for row in before if row[1] == JUNE[0]]


@pytest.mark.slow(170)
def test_the_loser_of_a_conflict_begins_again(
    shared: SharedLake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = machine(tmp_path / "one")
    lost = conflict(layout)
    assert running.CONFLICT in lost
    write_day(layout.root, "options_minute", date(2024, 4, 3))
    calls, real = [], running.run

    def losing(command: list[str], variables: dict[str, str]) -> Any:
        """Each dbt loses but the second one."""
        calls.append(command)
        if len(calls) == 2:
            return real(command, variables)
        return subprocess.CompletedProcess(command, 1, lost, "")

    monkeypatch.setattr(running, "run", losing)
    features: dict[str, list[str]] = {}
    some = (layout, limits_for("streaming", 4, 2), [DATASETS["options_minute"]], features)
    gate = transform(*some)
    assert gate.verdicts == {"options_minute": "passed"}, gate.failures
    assert len(calls) == 2
    assert transform(*some).verdicts == {"options_minute": "unchanged"}
    # As in a database that was made anew.
    with admin(shared.port, shared.name) as connection:
        connection.execute("DELETE FROM quantmini_published")
    assert transform(*some).verdicts == {"options_minute": "failed"}
    assert len(calls) == 2 + running.TRIES


def conflict(layout: Layout) -> str:
    """What DuckLake says to the second of two commits that change one table."""
    with (
        engine.connect("256MiB", 1, layout.temp) as one,
        engine.connect("256MiB", 1, layout.temp) as two,
    ):
        for connection in (one, two):
            attach(connection, layout, read_only=False)
        one.execute("CREATE TABLE lake.silver.both AS SELECT 1 AS n")
        for connection in (one, two):
            connection.execute(
                "BEGIN; DELETE FROM lake.silver.both; INSERT INTO lake.silver.both VALUES (2)"
            )
        one.execute("COMMIT")
        with pytest.raises(duckdb.TransactionException) as error:
            two.execute("COMMIT")
    return str(error.value)


def test_what_cannot_be_reached_is_named_without_its_secret(
    shared: SharedLake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = shared.environment["QUANTMINI_LAKE__CATALOG"].replace("word", "phrase")
    monkeypatch.setenv("QUANTMINI_LAKE__CATALOG", wrong)
    with pytest.raises(SourceUnavailable, match=r"postgresql://127\.0\.0\.1:\d+/lake-") as error:
        catalog.tables(machine(tmp_path))
    assert "phrase" not in str(error.value)
    with pytest.raises(SourceUnavailable), writing(machine(tmp_path), [DAYS]):
        pass
