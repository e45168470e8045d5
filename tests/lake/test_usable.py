"""Limits of a container count: with the kernel's files faked, and in a real cgroup."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lake import usable

GIB = 1024**3
MINE = "12:cpu,cpuacct:/box/mine\n4:memory:/box/mine\n0::/box/mine\n"


@pytest.fixture
def kernel(monkeypatch, tmp_path):
    """A function that writes control files, for a process in the cgroup /box/mine."""
    (tmp_path / "own").write_text(MINE)
    monkeypatch.setattr(usable, "OWN", tmp_path / "own")
    monkeypatch.setattr(usable, "CGROUP", tmp_path / "cgroup")

    def write(**files):
        for name, text in files.items():
            path = tmp_path / "cgroup" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{text}\n")

    return lambda files: write(**files)


@pytest.mark.parametrize(
    "files",
    [
        {"box/mine/memory.max": 2 * GIB},
        {"box/mine/memory.max": "max", "box/memory.max": 2 * GIB},
        {"box/mine/memory.max": 3 * GIB, "box/mine/memory.high": 2 * GIB},
        {"memory/box/mine/memory.limit_in_bytes": 2 * GIB},
        {"memory/memory.limit_in_bytes": 2 * GIB, "box/mine/memory.max": "max"},
        {
            "memory/box/mine/memory.limit_in_bytes": 9223372036854771712,
            "memory/box/memory.limit_in_bytes": 2 * GIB,
        },
    ],
)
def test_the_least_memory_of_all_levels_and_versions(kernel, files):
    machine = usable.usable_memory()
    assert machine > 2 * GIB
    kernel(files)
    assert usable.usable_memory() == 2 * GIB


@pytest.mark.parametrize(
    ("files", "cpus"),
    [
        ({"box/mine/cpu.max": "250000 100000"}, 2),
        ({"box/mine/cpu.max": "max 100000", "box/cpu.max": "300000 100000"}, 3),
        ({"box/mine/cpu.max": "50000 100000"}, 1),
        ({"cpu/box/mine/cpu.cfs_quota_us": 200000, "cpu/box/mine/cpu.cfs_period_us": 100000}, 2),
        ({"cpu/box/mine/cpu.cfs_quota_us": -1, "cpu/box/mine/cpu.cfs_period_us": 100000}, 8),
    ],
)
def test_the_least_processors(monkeypatch, kernel, files, cpus):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    assert usable.usable_cpus() == 8
    kernel(files)
    assert usable.usable_cpus() == cpus


@pytest.mark.parametrize(
    ("place", "usage", "limit", "droppable"),
    [
        ("box/mine", "memory.current", "memory.max", "inactive_file"),
        (
            "memory/box/mine",
            "memory.usage_in_bytes",
            "memory.limit_in_bytes",
            "total_inactive_file",
        ),
    ],
)
def test_memory_in_use_counts_without_pages_that_can_go(kernel, place, usage, limit, droppable):
    facts = f"anon 960\n{droppable} 10"
    kernel({f"{place}/{usage}": 970, f"{place}/{limit}": 1000, f"{place}/memory.stat": facts})
    assert usable.used_share() == pytest.approx(0.96)


LOOK = """
import json, os, sys
for place in sys.argv[1:]:
    with open(f"{place}/cgroup.procs", "w") as procs:
        procs.write(str(os.getpid()))
from pathlib import Path
from flows.cli import limit_libraries
from lake.engine import connect
from lake.profile import limits
limit_libraries()
import polars, pyarrow
bounds = limits()
con = connect(bounds.duckdb_memory, bounds.max_workers, Path("."))
names = ("memory_limit", "threads")
print(json.dumps([bounds.max_memory_gb, bounds.max_workers,
    polars.thread_pool_size(), pyarrow.cpu_count(),
    *(con.execute(f"SELECT current_setting('{name}')").fetchone()[0] for name in names)]))
"""


@pytest.fixture
def box():
    """Folders of a real cgroup of half a GiB and half a processor, made for this test."""
    root, name = Path("/sys/fs/cgroup"), f"quantmini-test-{os.getpid()}"
    folders: list[Path] = []
    wanted = {
        root / "memory" / name: {"memory.limit_in_bytes": "512M"},
        root / "cpu" / name: {"cpu.cfs_period_us": "100000", "cpu.cfs_quota_us": "50000"},
    }
    if (root / "cgroup.controllers").exists():
        wanted = {root / name: {"memory.max": "512M", "cpu.max": "50000 100000"}}
    try:
        for folder, files in wanted.items():
            folder.mkdir()
            folders.append(folder)
            for file, text in files.items():
                (folder / file).write_text(text)
        yield [str(folder) for folder in folders]
    except OSError as error:
        pytest.skip(f"no cgroup can be made here: {error}")
    finally:
        for folder in folders:
            folder.rmdir()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="cgroups are Linux's")
def test_a_process_in_a_real_cgroup_obeys_it(box):
    # What a command that ran in this process has set for itself would be inherited.
    mine = {key: text for key, text in os.environ.items() if not key.endswith("_THREADS")}
    answer = subprocess.run(
        [sys.executable, "-c", LOOK, *box], capture_output=True, text=True, check=True, env=mine
    )
    assert json.loads(answer.stdout) == [pytest.approx(0.4), 1, 1, 1, "204.0 MiB", 1]
