"""Programs that tests start: where one may listen, and waiting for what it does."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable
from typing import Any

import psutil

Process = psutil.Popen | subprocess.Popen[Any]


def free_port() -> int:
    """A port on loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def until(reached: Callable[[], Any], process: Process | None = None, pause: float = 0.2) -> Any:
    """Ask again until there is an answer; a process that has to give it must not end before."""
    deadline = time.monotonic() + 600
    while not (answer := reached()):
        assert process is None or process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(pause)
    return answer
