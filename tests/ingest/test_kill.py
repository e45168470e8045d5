"""An ingest that is killed at any moment leaves whole files only, and the next one completes it."""

from __future__ import annotations

import json
import random
from datetime import date, timedelta
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path

import pytest

from ingest.loader import ingest
from ingest.report import IngestReport
from ingest.s3 import S3Source
from lake.datasets import DATASETS
from lake.layout import Layout
from lake.lock import writing
from tests.forked import forking
from tests.ingest.conftest import DAY, KEY, MIDNIGHT, SECRET, Bucket, Server, bar, packed
from tests.ingest.fault_proxy import Proxy, faulty

KILLS = 50
DAYS = [DAY + timedelta(days=ahead) for ahead in range(8)]
MINUTES = DATASETS["stocks_minute"]


def load(root: Path, endpoint: str, bucket: str) -> IngestReport:
    """What a nightly run does, under the lake's lock."""
    source = S3Source(endpoint, bucket, KEY, SECRET, pause=0.01)
    with writing(Layout(root)):
        return ingest(Layout(root), source, [MINUTES])


def publish(bucket: Bucket) -> None:
    for place, day in enumerate(DAYS):
        stamp = str((MIDNIGHT // 10**9 + place * 86_400 + 36_000) * 10**9)
        rows = [bar(f"S{i:04}", volume=f"{i + place}", stamp=stamp) for i in range(500)]
        bucket.put(packed(*rows, bar("BAD", high="1")), day)


def visible(root: Path) -> dict[str, bytes]:
    """Every file under a final name that a reader may open."""
    folders = [root / name for name in ("landing", "bronze", "quarantine")]
    files = [path for folder in folders for path in folder.rglob("[!.]*") if path.is_file()]
    return {str(path.relative_to(root)): path.read_bytes() for path in files}


def hidden(root: Path) -> list[Path]:
    return [path for path in root.rglob(".*") if path.is_file()]


def begun(context: ForkServerContext, root: Path, *where: str) -> ForkServerProcess:
    process = context.Process(target=load, args=(root, *where))
    process.start()
    return process


def asked(proxy: Proxy, day: date) -> int:
    return sum(n for path, n in proxy.seen.items() if MINUTES.object_key(day) in path)


@pytest.mark.slow(60)
def test_killed_at_fifty_moments(s3_server: Server, remote_bucket: Bucket, tmp_path: Path) -> None:
    publish(remote_bucket)
    context, dice, interrupted = forking(), random.Random(3), 0
    with faulty(s3_server.endpoint, 0) as proxy:
        where = (proxy.endpoint, remote_bucket.path.name)
        load(tmp_path / "undisturbed", *where)
        wanted = visible(tmp_path / "undisturbed")
        assert len(wanted) == 3 * len(DAYS)
        for kill in range(KILLS):
            root = tmp_path / f"lake {kill}"
            # At a random moment after a random request, so that a slow machine changes nothing.
            reached = proxy.when_asked(dice.randint(1, len(DAYS) + 1))
            process = begun(context, root, *where)
            assert reached.wait(60)
            process.join(dice.uniform(0, 0.05))
            process.kill()
            process.join()
            left = visible(root)
            assert left.items() <= wanted.items()
            interrupted += 0 < len(left) < len(wanted)
            proxy.seen.clear()
            report = load(root, *where)
            assert report.failed == []
            assert visible(root) == wanted
            assert hidden(root) == []
            landed = [day for day in DAYS if name(Layout(root).landing(MINUTES, day), root) in left]
            assert [day for day in landed if asked(proxy, day)] == []
            assert watermark(root) == watermark(tmp_path / "undisturbed")
    assert interrupted > KILLS / 3


def name(path: Path, root: Path) -> str:
    return str(path.relative_to(root))


def watermark(root: Path) -> dict[str, object]:
    marks = json.loads(Layout(root).watermarks("stocks").read_text())["stocks_minute"]
    return {key: value for key, value in marks.items() if key != "last_updated"}
