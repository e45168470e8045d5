"""A store is entirely old or entirely new, and the next export cleans up."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest

from gold_export import build, lists, store_files, versions
from gold_export.export import export, is_current
from gold_export.options import ExportOptions
from lake.errors import UsageError
from lake.layout import Layout
from tests.gold_export import market, update_forever
from tests.gold_export.conftest import contents
from tests.gold_export.export_forever import version
from tests.gold_export.lakehouse import Lakehouse

STORE = "stocks_daily"


def run(con, layout: Layout, snapshot: int, options: ExportOptions = ExportOptions()):  # noqa: B008
    return export(con, layout, STORE, {STORE: snapshot}, options)


def version_names(layout: Layout) -> list[str]:
    return sorted(path.name for path in layout.gold_versions(STORE).iterdir())


@pytest.fixture
def first() -> duckdb.DuckDBPyConnection:
    return version(1)


@pytest.fixture
def second() -> duckdb.DuckDBPyConnection:
    return version(2)


def test_a_version_is_on_the_disk_before_its_state_says_so(layout, first, monkeypatch):
    sync, synced = store_files.sync, []

    def seen(folder: Path) -> None:
        synced.append((folder, (folder / versions.STATE).exists()))
        sync(folder)

    monkeypatch.setattr(store_files, "sync", seen)
    monkeypatch.setattr(versions, "sync", seen)
    run(first, layout, 1)
    copied = versions.copy(layout, STORE)
    assert synced == [(layout.gold(STORE).resolve(), False), (copied, False)]


def test_the_switch_is_one_rename_over_the_old_link(layout, first, second, monkeypatch):
    run(first, layout, 1)
    gold, replace, there = layout.gold(STORE), Path.replace, []

    def renamed(path: Path, target: Path) -> Path:
        if target == gold:
            there.append(gold.is_symlink())
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", renamed)
    run(second, layout, 2)
    assert there == [True]


def test_half_a_removal_is_no_version(layout, first, second, monkeypatch):
    run(first, layout, 1)
    run(second, layout, 2)
    spare, _ = versions.complete(layout, STORE)

    def killed(folder: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(shutil, "rmtree", killed)
    with pytest.raises(KeyboardInterrupt):
        versions.discard(spare)
    assert spare.is_dir()
    assert spare not in versions.complete(layout, STORE)


def test_a_state_that_is_none_is_no_state(layout, first):
    run(first, layout, 1)
    (layout.gold(STORE) / versions.STATE).write_text("[]", encoding="utf-8")
    assert not run(first, layout, 1).skipped
    assert run(first, layout, 1).skipped


def test_the_bytes_depend_on_silver_alone(tmp_path, first):
    one, other = Layout(tmp_path / "one"), Layout(tmp_path / "other")
    run(first, one, 1, ExportOptions(batch_rows=7))
    first.execute("set threads = 2")
    run(first, other, 5)
    run(first, other, 1)
    assert contents(one.gold(STORE)) == contents(other.gold(STORE))


def test_an_unchanged_snapshot_needs_only_the_state_file(layout, first):
    done = run(first, layout, 1)
    versions_before = version_names(layout)
    again = run(None, layout, 1, ExportOptions(batch_rows=9))
    assert again.skipped
    assert not done.skipped
    assert (again.rows, again.files, again.bytes) == (done.rows, done.files, done.bytes)
    assert version_names(layout) == versions_before
    assert is_current(layout, STORE, {STORE: 1}, ExportOptions())
    for changed in (ExportOptions(top=3), ExportOptions(symbols=("T001",))):
        assert not is_current(layout, STORE, {STORE: 1}, changed)
    assert not is_current(layout, STORE, {STORE: 2}, ExportOptions())


@pytest.mark.parametrize("state", ["", '{"made_fr', "{}"])
def test_an_unreadable_state_means_a_new_export(layout, first, state):
    run(first, layout, 1)
    file = layout.gold(STORE) / versions.STATE
    file.write_text(state) if state else file.unlink()
    assert not run(first, layout, 1).skipped
    versions.prepare(layout, STORE)
    assert run(first, layout, 1).skipped


def test_an_open_reader_keeps_its_version_until_the_next_export(layout, first, second):
    run(first, layout, 1)
    opened = layout.gold(STORE).resolve()
    before = contents(opened)
    run(second, layout, 2)
    assert contents(opened) == before
    run(first, layout, 3)
    assert not opened.exists()
    assert version_names(layout) == ["000002", "000003"]


class KilledError(BaseException):
    """Stands for a crash: nothing catches it by accident."""


STEPS = ["first file", "a later file", "lists", "sync", "state", "switch"]


def die_at(patch: pytest.MonkeyPatch, step: str) -> None:
    """Crash the next export at one of STEPS."""
    written = 0

    def write_file(*arguments, write=store_files.write_file):
        nonlocal written
        written += 1
        if written == (1 if step == "first file" else 100):
            raise KilledError
        write(*arguments)

    def die(*args):
        raise KilledError

    places = {
        "lists": (lists, "write"),
        "sync": (store_files, "sync"),
        "state": (build, "write_json"),
        "switch": (Path, "symlink_to"),
    }
    if step.endswith("file"):
        patch.setattr(store_files, "write_file", write_file)
    else:
        patch.setattr(*places[step], die)


def test_the_state_is_written_when_all_else_is_on_the_disk(layout, first, monkeypatch):
    on_disk: list[set[str]] = []

    def sync(folder: Path) -> None:
        on_disk.append({path.name for path in folder.rglob("*") if path.is_file()})

    monkeypatch.setattr(store_files, "sync", sync)
    run(first, layout, 1)
    written = {path.name for path in layout.gold(STORE).resolve().rglob("*") if path.is_file()}
    assert on_disk == [written - {versions.STATE}]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("cleanup", [True, False])
def test_a_crash_leaves_the_old_store_and_the_next_run_repairs(
    tmp_path, layout, first, second, monkeypatch, step, cleanup
):
    run(first, layout, 1)
    before = contents(layout.gold(STORE))
    with monkeypatch.context() as patch:
        if not cleanup:
            patch.setattr(shutil, "rmtree", lambda *args, **options: None)
        die_at(patch, step)
        with pytest.raises(KilledError):
            run(second, layout, 2)
    assert contents(layout.gold(STORE)) == before

    run(second, layout, 2)
    fresh = Layout(tmp_path / "fresh")
    run(second, fresh, 2)
    assert contents(layout.gold(STORE)) == contents(fresh.gold(STORE))
    assert len(version_names(layout)) == 2


def test_a_link_left_by_a_killed_switch_is_replaced(layout, first, second):
    run(first, layout, 1)
    (layout.gold_versions(STORE) / "next").symlink_to("nowhere")
    run(second, layout, 2)
    assert version_names(layout) == ["000001", "000002"]


def test_a_store_whose_version_was_removed_is_made_again(layout, first):
    run(first, layout, 1)
    shutil.rmtree(layout.gold(STORE).resolve())
    assert not run(first, layout, 1).skipped


def test_a_foreign_folder_is_not_touched(layout, first):
    layout.gold(STORE).mkdir(parents=True)
    with pytest.raises(UsageError, match="move it away"):
        run(first, layout, 1)
    assert layout.gold(STORE).is_dir()


def test_a_moved_lake_keeps_its_gold(tmp_path, layout, first):
    run(first, layout, 1)
    layout.root.rename(tmp_path / "moved")
    assert is_current(Layout(tmp_path / "moved"), STORE, {STORE: 1}, ExportOptions())


@pytest.mark.parametrize("step", STEPS)
def test_a_crash_of_an_update_leaves_the_old_store(tmp_path, layout, monkeypatch, step):
    house = Lakehouse(layout)
    house.make(STORE, update_forever.rows(8))
    run(house.con, layout, house.publish(STORE)[STORE])
    versions.prepare(layout, STORE)
    before = contents(layout.gold(STORE))
    house.insert(STORE, update_forever.rows(9)[-60:])
    snapshot = house.publish(STORE)[STORE]
    with monkeypatch.context() as patch:
        die_at(patch, step)
        with pytest.raises(KilledError):
            run(house.con, layout, snapshot)
    assert contents(layout.gold(STORE)) == before
    assert run(house.con, layout, snapshot).incremental
    fresh = Layout(tmp_path / "fresh")
    run(house.con, fresh, snapshot)
    assert contents(layout.gold(STORE)) == contents(fresh.gold(STORE))


@pytest.mark.slow
def test_kill_9_of_updates(tmp_path, layout):
    wanted = []
    house = Lakehouse(Layout(tmp_path / "house"))
    for sessions in range(update_forever.FIRST, len(market.SESSIONS) + 1):
        house.make(STORE, update_forever.rows(sessions))
        fresh = Layout(tmp_path / f"fresh{sessions}")
        run(house.con, fresh, house.publish(STORE)[STORE])
        wanted.append(values(fresh))
    delays = random.Random(6)
    command = [sys.executable, "-m", "tests.gold_export.update_forever", str(layout.root)]
    for _ in range(6):
        process = subprocess.Popen(
            command, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout
        for _ in range(delays.randint(1, 4)):
            assert process.stdout.readline()
        time.sleep(delays.uniform(0, 0.4))
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        assert values(layout) in wanted


def values(layout: Layout) -> dict[str, bytes]:
    """What Qlib reads; the state holds snapshots, which differ from lake to lake."""
    return {
        name: content
        for name, content in contents(layout.gold(STORE)).items()
        if name.startswith(("calendars", "features", "instruments"))
    }


@pytest.mark.slow
def test_kill_9_at_any_moment(tmp_path, layout):
    wanted = []
    for number in (1, 2):
        fresh = Layout(tmp_path / f"fresh{number}")
        run(version(number), fresh, number)
        wanted.append(contents(fresh.gold(STORE)))
    delays = random.Random(6)
    program = Path(__file__).with_name("export_forever.py")
    command = [sys.executable, "-m", f"tests.gold_export.{program.stem}", str(layout.root)]
    for _ in range(12):
        process = subprocess.Popen(
            command, cwd=program.parents[2], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout
        assert process.stdout.readline()
        time.sleep(delays.uniform(0, 0.4))
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        assert contents(layout.gold(STORE)) in wanted
    run(version(1), layout, 3)
    assert len(version_names(layout)) == 2
