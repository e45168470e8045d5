"""Files, lock, profile and data sets: the small things every stage stands on."""

import fcntl
import multiprocessing
import multiprocessing.synchronize
import os
import subprocess
import sys
from dataclasses import replace
from multiprocessing.connection import Connection, wait
from pathlib import Path

import pytest
import yaml

from lake import profile, settings
from lake.datasets import DATASETS, pick
from lake.errors import LakeBusy, UsageError
from lake.files import read_json, replacing, write_json
from lake.layout import Layout
from lake.lock import descriptors, writing
from tests.forked import forking


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "document.json"
    write_json(path, {"version": 1})
    with pytest.raises(RuntimeError), replacing(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert read_json(path) == {"version": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_picking_data_sets():
    assert [dataset.name for dataset in pick(None)] == list(DATASETS)
    assert [dataset.name for dataset in pick(["options_daily", "stocks_daily"])] == [
        "stocks_daily",
        "options_daily",
    ]
    with pytest.raises(UsageError, match="bonds_daily; known: stocks_daily"):
        pick(["bonds_daily"])


def _try_to_write(root: Path, answers: "multiprocessing.Queue[str]") -> None:
    try:
        with writing(Layout(root)):
            answers.put("wrote")
    except LakeBusy as error:
        answers.put(str(error))


def test_one_process_writes_at_a_time_and_is_named(tmp_path):
    answers: multiprocessing.Queue[str] = multiprocessing.Queue()
    with writing(Layout(tmp_path)):
        other = multiprocessing.Process(target=_try_to_write, args=(tmp_path, answers))
        other.start()
        assert f"process {multiprocessing.current_process().pid} is writing" in answers.get()
        other.join()
    _try_to_write(tmp_path, answers)
    assert answers.get() == "wrote"


def test_a_glance_at_the_lock_is_no_writing(tmp_path, monkeypatch):
    lock, glances = Layout(tmp_path).lock, []
    with writing(Layout(tmp_path)):
        pass
    glance = os.open(lock, os.O_RDONLY)
    fcntl.flock(glance, fcntl.LOCK_SH)

    def look_away(_: float) -> None:
        glances.append(1)
        if len(glances) == 3:
            fcntl.flock(glance, fcntl.LOCK_UN)

    monkeypatch.setattr("lake.lock.time.sleep", look_away)
    # Who holds it for long and leaves no name is somebody all the same.
    with pytest.raises(LakeBusy, match="process unknown is writing"), writing(Layout(tmp_path)):
        pass
    glances[:] = [1, 1]
    fcntl.flock(glance, fcntl.LOCK_SH)
    with writing(Layout(tmp_path)):
        assert len(glances) == 3
    os.close(glance)


def _hold(root: Path, ready: "multiprocessing.synchronize.Event") -> None:
    with writing(Layout(root)):
        ready.set()
        multiprocessing.Event().wait()


def _wait_to_write(root: Path, link: Connection) -> None:
    link.send("waiting")
    with writing(Layout(root), wait=True):
        link.send("writing")
        link.recv()


def test_who_waits_writes_when_the_owner_has_ended_one_after_the_other(tmp_path):
    links = []
    with writing(Layout(tmp_path)):
        for _ in range(2):
            here, there = multiprocessing.Pipe()
            # Not forked from here: that would hold this process's lock.
            waiting = forking().Process(target=_wait_to_write, args=(tmp_path, there), daemon=True)
            waiting.start()
            assert here.recv() == "waiting"
            links.append(here)
        assert not wait(links, 0.5)
    wait(links)
    first, second = sorted(links, key=lambda link: not link.poll())
    assert first.recv() == "writing"
    assert not wait(links, 0.5)
    first.send("enough")
    assert second.recv() == "writing"
    second.send("enough")


def test_a_killed_owner_holds_nothing(tmp_path):
    ready = multiprocessing.Event()
    owner = multiprocessing.Process(target=_hold, args=(tmp_path, ready), daemon=True)
    owner.start()
    assert ready.wait(30)
    with (
        pytest.raises(LakeBusy, match=f"process {owner.pid} is writing"),
        writing(Layout(tmp_path)),
    ):
        pass
    owner.kill()
    owner.join()
    left = Layout(tmp_path).lock.with_suffix(".pid")
    assert left.read_text().strip() == str(owner.pid)
    with writing(Layout(tmp_path)):
        assert left.read_text().strip() == str(multiprocessing.current_process().pid)


@pytest.mark.parametrize(
    ("gb", "mode", "memory"),
    [(8, "streaming", 6.4), (24, "streaming", 14.0), (48, "batch", 38.4), (128, "parallel", 102.4)],
)
def test_the_seeds_modes_and_limits(gb, mode, memory):
    assert profile.recommend(gb) == mode
    assert profile.limits_for(mode, gb, cpus=8).max_memory_gb == pytest.approx(memory)


def test_settings_win_over_what_is_detected(monkeypatch):
    monkeypatch.setattr(profile, "usable_memory", lambda: 128 * profile.GIB)
    monkeypatch.setattr(profile, "usable_cpus", lambda: 16)
    assert profile.limits() == profile.limits_for("parallel", 128, 16)
    given = profile.limits(max_memory_gb=6, max_workers=3, max_concurrent_downloads=1)
    # A run that may hold 6 GiB works as a machine of that size does.
    assert given == replace(
        profile.limits_for("streaming", 128, 16),
        max_memory_gb=6,
        max_workers=3,
        max_concurrent_downloads=1,
    )
    assert given.duckdb_memory == "3072MiB"
    assert profile.limits("batch", max_memory_gb=6).mode == "batch"


def test_no_setting_makes_memory(monkeypatch, caplog):
    monkeypatch.setattr(profile, "usable_memory", lambda: 2 * profile.GIB)
    assert profile.limits(max_memory_gb=64).max_memory_gb == 2
    assert "only 2.0 GiB" in caplog.text


def test_the_saved_profile_is_a_report(monkeypatch, tmp_path):
    path = tmp_path / "system_profile.yaml"
    found = profile.detect(profile.limits("streaming"), tmp_path)
    profile.save(found, path)
    text = path.read_text()
    assert text.startswith("# What `quantmini profile` found. A report")
    assert yaml.safe_load(text) == found
    path.write_text(text.replace("max_workers: ", "max_workers: 9"))
    monkeypatch.setattr(settings, "CONFIG", tmp_path)
    assert settings.load().limits() == profile.limits()


def test_a_process_that_is_started_for_the_lock_needs_no_other(tmp_path):
    """As dbt is by a run; one that is started by hand has to have its own."""
    code = f"""
from lake.layout import Layout
from lake.lock import writing_alone
from pathlib import Path
with writing_alone(Layout(Path({str(tmp_path)!r}))):
    print("wrote")
"""

    def said(**more):
        command = [sys.executable, "-c", code]
        return subprocess.run(command, capture_output=True, text=True, check=False, **more)

    with writing(Layout(tmp_path)):
        assert "is writing to" in said().stderr
        assert said(pass_fds=descriptors()).stdout == "wrote\n"
    assert said().stdout == "wrote\n"
    assert not Layout(tmp_path).lock.with_suffix(".pid").exists()
