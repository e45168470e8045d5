"""The flows on a real Prefect server: served, deployed, retried, timed out, and without one."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from os.path import basename
from pathlib import Path
from threading import Event, Thread
from typing import Any, cast
from urllib.request import urlopen
from uuid import UUID

import distributed
import pytest
from dask import config
from distributed.protocol.pickle import dumps
from prefect import get_client
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    FlowRunFilter,
    FlowRunFilterId,
)
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows import cluster, ingesting, maintenance, start, tasks, workers
from flows.backfill import backfill
from flows.daily import daily
from flows.maintain import Action
from flows.request import Request
from flows.upkeep import maintained
from gold_export import ranges
from gold_export.options import STORES
from ingest.sample_market import write_sample_market
from ingest.source import DirectorySource, RemoteFile
from lake import records
from lake.datasets import DATASETS, Dataset, pick
from lake.errors import LakeBusy, NotBuilt, SourceUnavailable, UsageError
from lake.layout import Layout
from lake.settings import PROJECT, Settings
from lake.settings.lake import Lake
from tests.conftest import Ran, quantmini
from tests.flows.webhook import Webhook, webhook
from tests.gold_export.conftest import contents
from tests.processes import free_port, until

pytestmark = pytest.mark.slow(110)


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sessions, the second in another month."""
    folder = tmp_path_factory.mktemp("market")
    write_sample_market(folder, sessions=2, symbols=2, strikes=1, first=date(2024, 5, 31))
    return folder


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
    port = str(free_port())
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
        # Prefect keeps a folder there that another user's Prefect could not write to.
        "TMPDIR": str(tmp_path),
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


@pytest.mark.parametrize("action", Action)
def test_upkeep_alerts_by_the_name_of_its_record(
    lake: Path, monkeypatch: pytest.MonkeyPatch, action: Action
) -> None:
    """So that one action that goes well is no recovery of another."""

    def stop(asked: Request, _work: Any) -> None:
        raise LakeBusy(asked.command)

    monkeypatch.setattr(maintenance, "watched", stop)
    with pytest.raises(LakeBusy, match=f"^maintain {action}$"):
        maintenance.maintenance.fn(action)
    with pytest.raises(NotBuilt):
        maintained(Settings(lake=Lake(root=lake)), action)
    (run,) = records.read(Layout(lake), "runs", timedelta(days=1))
    assert run["command"] == f"maintain {action}"


def _served(deployments: list[Any]) -> dict[str, Any]:
    """The deployments by name, once all of them are polled for."""
    ready = {found.name: found for found in deployments if found.status == "READY"}
    return ready if set(ready) == {"nightly", "by-hand", "weekly"} else {}


def _final(state: Any) -> Any:
    return state if state and state.is_final() else None


def test_a_stage_of_upkeep_with_a_failure_is_shown_as_failed() -> None:
    store = {"store": "options", "error": "it has no bars"}
    assert tasks.wrong({"gold": [store], "failed": []}) == []
    lost = {"dataset": "stocks_daily", "date": None, "error": "a file is lost"}
    [line] = tasks.wrong({"gold": [store], "failed": [lost]})
    assert line.endswith("a file is lost")


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


def test_a_run_is_a_flow_where_a_server_is_configured(
    server: dict[str, str], market: Path, tmp_path: Path
) -> None:
    with get_client(sync_client=True) as client:
        before = {run.id for run in client.read_flow_runs()}
        words = ("run", "stocks_daily", "--source", str(market), "--json")
        bronze_only = {"QUANTMINI_PROCESSING__ENABLE_ENRICHMENT": "false"}
        done = quantmini(tmp_path, *words, **server, **bronze_only)
        assert done.returncode == 0, done.stderr
        assert len(json.loads(done.stdout)["ingested"]) == 2
        [run] = [run for run in client.read_flow_runs() if run.id not in before]
    assert run.state and run.state.is_completed()
    assert run.parameters["datasets"] == ["stocks_daily"]


def test_the_demo_as_a_flow_keeps_its_name(
    server: dict[str, str], market: Path, lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a `run` it would be told that its made-up days are stale."""
    settings = Settings(lake=Lake(root=lake))
    # What it sets in the environment would stay for others.
    monkeypatch.setattr(start, "prepare", lambda: None)
    start.as_flow(Request(settings, pick(["stocks_daily"]), str(market), command="demo"))
    (run,) = records.read(Layout(lake), "runs", timedelta(days=1))
    assert run["command"] == "demo"


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


@pytest.fixture
def dask(tmp_path: Path) -> Iterator[str]:
    """The address of a scheduler with two workers, which stop inside a file of each kind."""
    place, facts = tmp_path / "stuck", tmp_path / "scheduler.json"
    place.mkdir()
    words = ("--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(facts), "--no-dashboard")
    log = tmp_path / "scheduler.log"
    own = {"DASK_TEMPORARY_DIRECTORY": str(tmp_path)}
    with running(log, "dask", "scheduler", *words, **own) as process:
        until(facts.exists, process)
        address: str = json.loads(facts.read_text())["address"]
        each = ("--nworkers", "2", "--nthreads", "1", "--local-directory", str(tmp_path / "dask"))
        preload = ("--preload", str(Path(__file__).with_name("stuck.py")), "--no-dashboard")
        log = tmp_path / "worker.log"
        with running(log, "dask", "worker", address, *each, *preload, STUCK=str(place)):
            yield address


@contextmanager
def killing(place: Path) -> Iterator[list[str]]:
    """Kill each process that has left its id; the files in which they were killed."""
    killed: list[str] = []
    over = Event()

    def kill() -> None:
        while not over.wait(0.02):
            for path in place.iterdir():
                if path.name not in killed and (pid := path.read_text()):
                    os.kill(int(pid), signal.SIGKILL)
                    killed.append(path.name)

    killer = Thread(target=kill)
    killer.start()
    try:
        yield killed
    finally:
        over.set()
        killer.join()


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """All that is handed to Dask, as it travels."""
    found: list[bytes] = []
    submit = distributed.Client.submit

    def seen(self: Any, *arguments: Any, **options: Any) -> Any:
        found.append(dumps((arguments, options)))
        return submit(self, *arguments, **options)

    monkeypatch.setattr(distributed.Client, "submit", seen)
    return found


def files(layout: Layout) -> dict[str, bytes]:
    """What readers may open below bronze, quarantine and gold."""
    places = {name: layout.root / name for name in ("bronze", "quarantine")}
    places |= {store: layout.gold(store) for store in STORES}
    return {
        f"{name}/{path}": content
        for name, place in places.items()
        for path, content in contents(place).items()
        if not Path(path).name.startswith(".")
    }


def untimed(parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in part.items() if key != "seconds"} for part in parts]


def test_killed_workers_of_a_cluster_change_nothing(
    server: dict[str, str],
    ran: Ran,
    dask: str,
    sent: list[bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One dies inside a bronze file, one inside a series; all is as in a run without a cluster.

    The lake begins as that run's, but without gold and the last days of bronze. So silver counts as
    unchanged if, and only if, bronze comes back as it was.
    """
    layout = Layout(tmp_path / "lake")
    away = shutil.ignore_patterns("gold", "landing", "logs", "temp")
    shutil.copytree(ran.layout.root, layout.root, ignore=away)
    missing = []
    for name, dataset in DATASETS.items():
        for day, path in list(layout.bronze_files(dataset).items())[-3:]:
            path.unlink()
            missing.append((name, str(day)))
    monkeypatch.setenv("QUANTMINI_LAKE", str(layout.root))
    monkeypatch.setenv("QUANTMINI_PIPELINE__DASK_ADDRESS", dask)
    monkeypatch.setenv("POLYGON_API_KEY", "not-for-the-network")
    monkeypatch.setattr(ranges, "VALUES", 2_500_000)
    with killing(tmp_path / "stuck") as killed:
        state = daily(source=str(ran.source), return_state=True)
    assert state.is_completed(), state.message
    assert killed == ["bronze", "gold"]
    document = tasks.value(state)
    assert set(document["gate"]["verdicts"].values()) == {"unchanged"}
    before = [day for day in ran.document["ingested"] if (day["dataset"], day["date"]) in missing]
    assert untimed(document["ingested"]) == untimed(before)
    assert untimed(document["gold"]) == untimed(ran.document["gold"])
    assert files(layout) == files(ran.layout)
    assert len(sent) > len(missing)
    assert not any(b"not-for-the-network" in each for each in sent)
    run = state.state_details.flow_run_id
    assert run
    with get_client(sync_client=True) as client:
        wanted = FlowRunFilter(id=FlowRunFilterId(any_=[run]))
        until(lambda: len(client.read_task_runs(flow_run_filter=wanted)) > len(sent))


def test_a_cluster_that_is_not_there(
    server: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "ANSWER", 1)
    with pytest.raises(SourceUnavailable, match=r"dask worker tcp://127\.0\.0\.1:1"):
        next(cluster.results("tcp://127.0.0.1:1", len, []))
    nowhere = temporary_settings({PREFECT_API_URL: None})
    with nowhere, pytest.raises(UsageError, match="needs a Prefect server"):
        next(cluster.results("tcp://127.0.0.1:1", len, []))


def test_a_cluster_that_is_lost(
    server: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "ANSWER", 2)
    pieces = [(f"piece {number}", {"p": f"a/{number}"}) for number in range(50)]
    own = config.set({"temporary-directory": str(tmp_path)})
    with own, distributed.LocalCluster(1, 1, processes=False, dashboard_address=None) as lost:
        coming = cluster.results(lost.scheduler_address, basename, pieces)
        assert next(coming) in {"0", "1"}
        lost.close()
        with pytest.raises(SourceUnavailable, match="was lost or gave up"):
            list(coming)


def test_sqlite_is_not_read_from_another_machine(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"export on elsewhere alone, or share the catalog"):
        workers.write_range("elsewhere", tmp_path, {}, cast("Any", None), tmp_path, "none")
