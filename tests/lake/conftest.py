"""One small lake for all that only read it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import lake
from lake.layout import Layout
from lake.published import Lake
from tests.lake.market import make


@pytest.fixture(scope="session")
def market(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    return make(tmp_path_factory.mktemp("asked") / "la'ke")


@pytest.fixture(scope="session")
def db(market: Layout) -> Iterator[Lake]:
    with lake.connect(market.root) as opened:
        yield opened


@pytest.fixture
def own(market: Layout, tmp_path: Path) -> Layout:
    """A lake that the test may change."""
    left = shutil.ignore_patterns("logs", "cache")
    return Layout(shutil.copytree(market.root, tmp_path / "own", ignore=left))
