"""The flows on a real Prefect server: served, deployed, retried, timed out, and without one."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from threading import Event
from typing import Any
from urllib.request import urlopen
from uuid import UUID

import pytest
from prefect import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows import ingesting, tasks
from flows.backfill import backfill
from flows.daily import daily
from ingest.sample_market import write_sample_market
from ingest.source import DirectorySource, RemoteFile
from lake.datasets import Dataset
from lake.errors import SourceUnavailable
from lake.layout import Layout
from lake.settings import PROJECT
from tests.conftest import quantmini
from tests.flows.webhook import Webhook, webhook

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sessions, the second in another month."""
    folder = tmp_path_factory.mktemp("market")
    write_sample_market(folder, sessions=2, symbols=2, strikes=1, first=date(2024, 5, 31))
    return folder


def until(reached: Callable[[], Any], process: subprocess.Popen[bytes] | None = None) -> Any:
    """Ask again until there is an answer; a process that has to give it must not end before."""
    deadline = time.monotonic() + 600
    while not (answer := reached()):
        assert process is None or process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return answer


@contextmanager
def running(log: Path, *words: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """A program of the environment, ended with the block."""
    program = str(Path(sys.executable).with_name(words[0]))
    with log.open("wb") as out:
        process = subprocess.Popen(
            [program, *words[1:]], env=os.environ | environment, stdout=out, stderr=out
        )
        try:
            yield process
        finally:
            process.terminate()
            process.wait(60)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The variables by which a process finds the one server of these tests."""
    home = tmp_path_factory.mktemp("prefect")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    address = f"http://127.0.0.1:{port}/api"
    variables = {"PREFECT_HOME": str(home), "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}
    words = ("server", "start", "--host", "127.0.0.1", "--port", port)

    def answers() -> bool:
        try:
            urlopen(f"{address}/health", timeout=5).close()
        except OSError:
            return False
        return True

    with running(home / "server.log", "prefect", *words, **variables) as process:
        until(answers, process)
        with temporary_settings({PREFECT_API_URL: address}):
            yield variables | {"PREFECT_API_URL": address}


@pytest.fixture
def hook() -> Iterator[Webhook]:
    with webhook() as found:
        yield found


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A lake whose runs end with bronze, as the flows' settings say."""
    monkeypatch.setenv("QUANTMINI_LAKE", str(tmp_path / "lake"))
    monkeypatch.setenv("QUANTMINI_PROCESSING__ENABLE_ENRICHMENT", "false")
    return tmp_path / "lake"


def artifacts(run: UUID | None) -> dict[str | None, Any]:
    assert run is not None
    with get_client(sync_client=True) as client:
        found = client.read_artifacts(
            artifact_filter=ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[run]))
        )
    return {artifact.key: artifact for artifact in found}


def test_a_served_deployment_runs_and_leaves_its_artifacts(
    server: dict[str, str], market: Path, tmp_path: Path, hook: Webhook
) -> None:
    variables = server | {
        "QUANTMINI_LAKE": str(tmp_path / "lake"),
        "QUANTMINI_ALERTS__URLS": hook.url,
    }
    client = get_client(sync_client=True)
    log = tmp_path / "serve.log"
    with client, running(log, "quantmini", "serve", **variables) as process:
        ready = until(lambda: _served(client.read_deployments()), process)
        nightly = ready["nightly"]
        crons = {time.schedule.cron: time.schedule.timezone for time in nightly.schedules}
        assert crons == {
            "30 17 * * 1-5": "America/New_York",
            "30 11 * * 2-6": "America/New_York",
        }
        run = client.create_flow_run_from_deployment(
            nightly.id, parameters={"datasets": ["stocks_daily"], "source": str(market)}
        )
        ended = until(lambda: _final(client.read_flow_run(run.id).state), process)
        assert ended.is_completed(), ended.message
        upkeep = client.create_flow_run_from_deployment(ready["weekly"].id)
        kept = until(lambda: _final(client.read_flow_run(upkeep.id).state), process)
        assert kept.is_completed(), kept.message
    assert "snapshots dropped" in artifacts(upkeep.id)["maintenance-summary"].data
    found = artifacts(run.id)
    assert "| stocks\\_daily | 2 |" in found["daily-summary"].data
    assert "stocks_daily" in str(found["dbt-nodes"].data)
    assert hook.titles() == ["quantmini: data is stale"]
    assert hook.url.rpartition("/")[2] not in log.read_text() + str(found)


def _served(deployments: list[Any]) -> dict[str, Any]:
    """The deployments by name, once all of them are polled for."""
    ready = {found.name: found for found in deployments if found.status == "READY"}
    return ready if set(ready) == {"nightly", "by-hand", "weekly"} else {}


def _final(state: Any) -> Any:
    return state if state and state.is_final() else None


def test_prefect_deploy(server: dict[str, str]) -> None:
    program = str(Path(sys.executable).with_name("prefect"))
    for words in (
        ("work-pool", "create", "quantmini", "--type", "process"),
        ("--no-prompt", "deploy", "--all"),
    ):
        done = subprocess.run(
            [program, *words],
            env=os.environ | server,
            cwd=PROJECT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    with get_client(sync_client=True) as client:
        found = {deployment.name: deployment for deployment in client.read_deployments()}
    assert found["nightly"].entrypoint == "flows.daily.daily"
    assert found["nightly"].work_pool_name == found["by-hand"].work_pool_name == "quantmini"


def test_a_backfill_shows_its_progress(server: dict[str, str], market: Path, lake: Path) -> None:
    days = (date(2024, 5, 1), date(2024, 6, 30))
    state = backfill(*days, ["stocks_daily"], str(market), return_state=True)
    assert state.is_completed()
    assert tasks.value(state)["months"]["done"] == ["2024-05", "2024-06"]
    found = artifacts(state.state_details.flow_run_id)
    assert found["backfill-progress"].data == 100
    assert "no failures" in found["backfill-summary"].data


class Flaky(DirectorySource):
    """A source that does not answer at first, whatever is asked."""

    silent = 0

    def list(self, dataset: Dataset) -> list[RemoteFile]:
        if Flaky.silent:
            Flaky.silent -= 1
            raise SourceUnavailable("no answer; run again later")
        return super().list(dataset)


@pytest.mark.parametrize(("silent", "completed"), [(2, True), (9, False)])
def test_a_silent_source_is_asked_again(
    server: dict[str, str],
    market: Path,
    lake: Path,
    monkeypatch: pytest.MonkeyPatch,
    silent: int,
    completed: bool,
) -> None:
    monkeypatch.setattr(tasks, "DELAYS", [0, 0])
    monkeypatch.setattr(ingesting, "DirectorySource", Flaky)
    monkeypatch.setattr(Flaky, "silent", silent)
    state = daily(["stocks_daily"], source=str(market), return_state=True)
    document = tasks.value(state)
    assert state.is_completed() == completed
    assert len(document["ingested"]) == (2 if completed else 0)
    assert len(document["failed"]) == (0 if completed else 1)
    assert Flaky.silent == (0 if completed else 9 - 3)


def test_bad_data_is_not_tried_again(
    server: dict[str, str], lake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "DELAYS", [3600.0])
    path = tmp_path / "source/us_stocks_sip/day_aggs_v1/2024/05/2024-05-31.csv.gz"
    path.parent.mkdir(parents=True)
    path.write_text("this is not gzip")
    state = daily(["stocks_daily"], source=str(tmp_path / "source"), return_state=True)
    assert state.is_failed()
    assert str(state.message).startswith("stocks_daily 2024-05-31: ")
    assert len(tasks.value(state)["failed"]) == 1
    assert "1 failure" in artifacts(state.state_details.flow_run_id)["daily-summary"].data


class Hanging(DirectorySource):
    """A source that takes longer than any test."""

    def list(self, dataset: Dataset) -> list[RemoteFile]:
        Event().wait(600)
        return super().list(dataset)


def test_a_stage_that_takes_too_long_is_stopped(
    server: dict[str, str], market: Path, lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingesting, "DirectorySource", Hanging)
    monkeypatch.setenv("QUANTMINI_PIPELINE__STAGE_TIMEOUT_HOURS", str(2 / 3600))
    state = daily(["stocks_daily"], source=str(market), return_state=True)
    assert state.is_failed()
    with pytest.raises(TimeoutError):
        tasks.value(state)


def test_one_writer_at_a_time(server: dict[str, str], tmp_path: Path) -> None:
    with get_client(sync_client=True) as client:
        with tasks.lake_slot(Layout(tmp_path)):
            held = client.read_global_concurrency_limit_by_name(tasks.SLOT)
            assert (held.limit, held.active_slots) == (1, 1)
        assert client.read_global_concurrency_limit_by_name(tasks.SLOT).active_slots == 0


def test_a_run_does_its_work_without_a_server_that_is_down(market: Path, tmp_path: Path) -> None:
    down = {
        "PREFECT_API_URL": "http://127.0.0.1:1/api",
        "QUANTMINI_PROCESSING__ENABLE_ENRICHMENT": "false",
    }
    words = ("stocks_daily", "--source", str(market))
    done = quantmini(tmp_path, "run", *words, **down)
    assert done.returncode == 0, done.stderr
    assert "does not answer at http://127.0.0.1:1/api" in done.stderr
    assert "2 days" in done.stdout
    insisting = quantmini(tmp_path, "run", *words, "--prefect", **down)
    assert insisting.returncode == 1
    assert quantmini(tmp_path, "serve", **down).returncode == 1
    assert quantmini(tmp_path, "serve", PREFECT_HOME=str(tmp_path)).returncode == 2
