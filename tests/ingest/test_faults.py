"""A server that fails: the run ends complete, or says clearly what is wrong and changes nothing."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

import pytest
from botocore.retries import standard

from ingest.loader import ingest
from ingest.report import IngestReport
from ingest.s3 import S3Source
from lake.datasets import pick
from lake.layout import Layout
from tests.ingest.conftest import DAY, KEY, MIDNIGHT, SECRET, Bucket, Server, bar, packed
from tests.ingest.fault_proxy import FAULTS, Proxy, faulty

MINUTES = pick(["stocks_minute"])


@pytest.fixture(autouse=True)
def no_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    """boto3 tries again at once."""
    monkeypatch.setattr(standard.ExponentialBackoff, "delay_amount", lambda *_: 0.0)


def publish(bucket: Bucket, days: int) -> list[date]:
    """Some days of a few hundred bars; every third row is unlike any other day's."""
    found = [DAY + timedelta(days=ahead) for ahead in range(days)]
    for place, day in enumerate(found):
        shift = (MIDNIGHT // 10**9 + place * 86_400 + 36_000) * 10**9
        rows = [bar(f"S{i:03}", volume=f"{i + place}", stamp=str(shift)) for i in range(300)]
        bucket.put(packed(*rows, bar("BAD", high="1")), day)
    return found


def content(layout: Layout) -> dict[str, bytes]:
    """Every file of bronze, quarantine and landing."""
    folders = ("bronze", "quarantine", "landing")
    files = [path for folder in folders for path in (layout.root / folder).rglob("*")]
    return {str(p.relative_to(layout.root)): p.read_bytes() for p in files if p.is_file()}


def through(proxy: Proxy, bucket: Bucket, layout: Layout) -> IngestReport:
    source = S3Source(proxy.endpoint, bucket.path.name, KEY, SECRET, pause=0.001, read_timeout=1)
    return ingest(layout, source, MINUTES)


@pytest.mark.parametrize("seed", [19, pytest.param(22, marks=pytest.mark.slow)])
def test_a_fifth_of_all_answers_fails(
    s3_server: Server, remote_bucket: Bucket, tmp_path: Path, seed: int
) -> None:
    days = publish(remote_bucket, 20)
    ingest(Layout(tmp_path / "undisturbed"), remote_bucket.source, MINUTES)
    with faulty(s3_server.endpoint, 0.2, seed=seed) as proxy:
        report = through(proxy, remote_bucket, remote_bucket.layout)
    assert report.failed == []
    assert [item.date for item in report.ingested] == days
    assert len(proxy.injected) >= 5
    arrived, wanted = content(remote_bucket.layout), content(Layout(tmp_path / "undisturbed"))
    assert arrived.keys() == wanted.keys()
    for name in (name for name in wanted if name.startswith(("landing", "quarantine"))):
        assert arrived[name] == wanted[name]


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_once(s3_server: Server, remote_bucket: Bucket, fault: str) -> None:
    """The first answer of each object is broken in this way, the second is not."""
    publish(remote_bucket, 2)
    with faulty(s3_server.endpoint, 1, (fault,), only=".csv.gz") as proxy:
        honest = proxy.fault
        proxy.fault = lambda path: honest(path) if not proxy.seen[path] else None  # type: ignore[method-assign]
        report = through(proxy, remote_bucket, remote_bucket.layout)
    assert (len(report.ingested), report.failed) == (2, [])
    assert proxy.injected == {fault: 2}


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("only", ["list-type", ".csv.gz"])
def test_every_answer_fails(
    s3_server: Server, remote_bucket: Bucket, fault: str, only: str
) -> None:
    layout = remote_bucket.layout
    remote_bucket.put(packed(bar("OLD")))
    ingest(layout, remote_bucket.source, MINUTES)
    before = {name: text for name, text in content(layout).items() if "landing" not in name}
    remote_bucket.put(packed(bar("NEW"), bar("OTHER")))
    with faulty(s3_server.endpoint, 1, (fault,), only=only) as proxy:
        report = through(proxy, remote_bucket, layout)
    [failure] = report.failed
    assert report.ingested == []
    assert any(
        part in failure.error
        for part in ("answered 500", "answered 503", "Error at http", "what was listed")
    )
    after = {name: text for name, text in content(layout).items() if "landing" not in name}
    assert after == before


def test_the_command_ends_with_1(
    s3_server: Server, remote_bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    from typer.testing import CliRunner

    from flows.cli import app

    publish(remote_bucket, 1)
    with faulty(s3_server.endpoint, 1, ("500", "reset")) as proxy:
        for name, value in {
            "QUANTMINI_LAKE": str(remote_bucket.layout.root),
            "QUANTMINI_SOURCE__S3_ENDPOINT": proxy.endpoint,
            "QUANTMINI_SOURCE__BUCKET": remote_bucket.path.name,
            "POLYGON_S3_ACCESS_KEY_ID": KEY,
            "POLYGON_S3_SECRET_ACCESS_KEY": SECRET,
        }.items():
            monkeypatch.setenv(name, value)
        answer = CliRunner().invoke(app, ["ingest", "stocks_minute", "--json"])
    assert answer.exit_code == 1
    [failure] = json.loads(answer.stdout)["failed"]
    assert "run again" in failure["error"]
    assert content(remote_bucket.layout) == {}
