"""What deploy/ holds is well-formed, and says what prefect.yaml and the command line say."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect.flows import load_flow_from_entrypoint
from typer.main import get_command

from flows.cli import app
from lake.settings import PROJECT

DEPLOY = PROJECT / "deploy"
UNITS = sorted((DEPLOY / "systemd").iterdir())


def check(program: str, *words: str) -> None:
    """A checker of the development environment finds nothing to complain of."""
    command = [str(Path(sys.executable).with_name(program)), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_dockerfile() -> None:
    check("hadolint", str(DEPLOY / "Dockerfile"))
    copied = [
        word
        for line in (DEPLOY / "Dockerfile").read_text().splitlines()
        if line.startswith("COPY ") and "--from" not in line
        for word in line.split()[1:-1]
    ]
    allowed = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    for name in copied:
        assert (PROJECT / name).exists(), name
        assert f"!{name}" in allowed, name


def test_compose() -> None:
    path = DEPLOY / "docker-compose.yaml"
    check("check-jsonschema", "--builtin-schema", "vendor.compose-spec", str(path))
    build = yaml.safe_load(path.read_text())["services"]["server"]["build"]
    assert (DEPLOY / build["context"] / build["dockerfile"]).exists()


def pods() -> list[Any]:
    """What Kubernetes' jobs start."""
    manifests = yaml.safe_load_all((DEPLOY / "kubernetes/quantmini.yaml").read_text())
    jobs = [each["spec"] for each in manifests if each["kind"] == "CronJob"]
    return [job["jobTemplate"]["spec"]["template"]["spec"] for job in jobs]


def test_kubernetes() -> None:
    check("kubernetes-validate", "--strict", str(DEPLOY / "kubernetes/quantmini.yaml"))
    night, upkeep = pods()
    (reference,) = night["initContainers"]
    assert reference["command"] == ["sh", "-c", "quantmini reference sync || true"]
    # The same in both, but for what they call.
    (run,), (maintain,) = night["containers"], upkeep["containers"]
    assert run | {"name": "", "args": []} == maintain | {"name": "", "args": []}
    assert night["securityContext"] == upkeep["securityContext"]


def test_systemd(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("no systemd-analyze; it is in the package systemd")
    for unit in UNITS:
        # The program need not be installed to be checked.
        text = unit.read_text().replace("/opt/quantmini/.venv/bin/quantmini", "/bin/true")
        (tmp_path / unit.name).write_text(text)
    names = [str(tmp_path / unit.name.replace("@", "@test")) for unit in UNITS]
    done = subprocess.run([analyze, "verify", *names], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_every_command_that_is_called_exists() -> None:
    known = set(get_command(app).commands)  # type: ignore[attr-defined]
    starts = [
        line.split("bin/quantmini ")[1].split()[0]
        for unit in UNITS
        for line in unit.read_text().splitlines()
        if "bin/quantmini " in line
    ]
    compose = yaml.safe_load((DEPLOY / "docker-compose.yaml").read_text())
    starts += compose["services"]["worker"]["command"]
    starts += [each["args"][0] for pod in pods() for each in pod["containers"]]
    assert len(starts) >= 7
    assert set(starts) <= known


def test_prefect_yaml_names_flows_that_exist_and_their_parameters() -> None:
    entries = yaml.safe_load((PROJECT / "prefect.yaml").read_text())["deployments"]
    assert len(entries) >= 2
    for entry in entries:
        flow: Any = load_flow_from_entrypoint(entry["entrypoint"])
        assert set(entry["parameters"]) <= set(flow.parameters.properties)
        assert {time["timezone"] for time in entry["schedules"]} <= {"America/New_York"}
