"""The facts of the shared lake, a lake to change, the charts' JavaScript, a browser."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from flows.report.command import javascript
from flows.report.gather import Facts, gather
from lake.layout import Layout
from lake.profile import limits
from tests.conftest import Ran

# The market of `ran` ends on Wednesday 2024-06-05; on Thursday evening it is all there.
NOW = datetime(2024, 6, 6, 18, tzinfo=UTC)

Gather = Callable[..., Facts]


def facts_of(layout: Layout, **asked: object) -> Facts:
    return gather(layout, limits(), "splits_and_dividends", NOW, **asked)  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def facts(ran: Ran) -> Facts:
    return facts_of(ran.layout)


@pytest.fixture
def copy(ran: Ran, tmp_path: Path) -> Layout:
    """The shared lake without what a report does not read, free to be changed."""
    without = shutil.ignore_patterns("gold", "landing", "temp")
    shutil.copytree(ran.layout.root, tmp_path / "lake", ignore=without)
    return Layout(tmp_path / "lake")


@pytest.fixture(scope="session")
def library() -> str:
    return javascript()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium as Debian has it; Playwright brings none of its own here.

    Not for longer than a module: its event loop runs as long, which Prefect's flows would join.
    """
    found = shutil.which("chromium") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("no chromium: apt-get install chromium")
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-quic"]
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=found, args=arguments)
        yield running
        running.close()
