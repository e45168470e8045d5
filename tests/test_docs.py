"""What the documents say to type works, every option is in them, every link leads somewhere."""

from __future__ import annotations

import importlib
import os
import pkgutil
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main

from flows.cli import app
from lake.errors import QuantminiError
from lake.settings import PROJECT
from tests.conftest import Ran

PAGES = sorted([PROJECT / "README.md", PROJECT / "CONTRIBUTING.md", *PROJECT.glob("docs/**/*.md")])
PROGRAM = Path(sys.executable).with_name("quantmini")
STARTED = PROJECT / "docs/getting-started.md"
# Commands that need another lake, keys, or minutes; each has tests of its own.
ELSEWHERE = ("demo", "backfill", "reference")


def shell(page: Path) -> Iterator[str]:
    """The commands of a page's indented blocks, without comments."""
    for line in page.read_text(encoding="utf-8").splitlines():
        if line.startswith("    ") and not line.lstrip().startswith(("-", "+", "features:")):
            for command in re.split(r"&&|;", re.sub(r"(^|\s)#.*", "", line)):
                yield command.strip()


def commands(page: Path) -> list[list[str]]:
    """Those of our own program, as the words after its name."""
    found = []
    for line in shell(page):
        # Variables may stand before it.
        if found_here := re.match(r"(?:\w+=\S+ )*(?:uv run )?quantmini (.*)", line):
            words = shlex.split(found_here[1])
            # `[--symbol AAPL]` is how a page says that something may be left out.
            found.append([word.strip("[]") for word in words])
    return found


def names(path: Path) -> str:
    return str(path.relative_to(PROJECT))


@pytest.mark.parametrize("page", PAGES, ids=names)
def test_every_command_of_a_page_exists_with_its_options(page: Path) -> None:
    for words in commands(page):
        command, rest = typer.main.get_command(app), words
        while hasattr(command, "commands"):
            command, rest = command.commands[rest[0]], rest[1:]
        command.make_context(command.name, rest)


def test_the_page_of_commands_is_the_program_s_own_help(tmp_path: Path) -> None:
    words = ("flows.cli", "utils", "docs", "--name", "quantmini", "--title", "Commands")
    made = tmp_path / "commands.md"
    subprocess.run(
        [PROGRAM.with_name("typer"), *words, "--output", made],
        check=True,
        capture_output=True,
        cwd=PROJECT,
    )
    assert made.read_text() == (PROJECT / "docs/commands.md").read_text(), "run `just commands`"


@pytest.mark.parametrize("page", PAGES, ids=names)
def test_links_and_named_files_are_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)", text) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []
    tops = "benchmarks|dbt_project|deploy|docs|examples|flows|gold_export|ingest|lake|tests"
    named = re.findall(rf"`((?:{tops})/[\w./-]+)`", text)
    assert [name for name in named if not (PROJECT / name).exists()] == []


def test_each_class_of_errors_is_in_the_runbook() -> None:
    for top in ("flows", "gold_export", "ingest", "lake"):
        for module in pkgutil.walk_packages([str(PROJECT / top)], f"{top}."):
            importlib.import_module(module.name)
    runbook = (PROJECT / "docs/operations.md").read_text(encoding="utf-8")
    told = re.findall(r"^\| `(\w+)` \|", runbook, re.MULTILINE)
    assert sorted(told) == sorted(error.__name__ for error in QuantminiError.__subclasses__())


@pytest.mark.slow
def test_getting_started_works_as_written(ran: Ran, tmp_path: Path) -> None:
    environment = os.environ | {"QUANTMINI_LAKE": str(ran.layout.root)}
    own = [words for words in commands(STARTED) if words[0] not in ELSEWHERE]
    assert len(own) >= 6
    for words in own:
        ended = subprocess.run(
            [PROGRAM, *words],
            check=False,
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
        )
        # The lake's data is old, which `status` tells by its exit code.
        assert ended.returncode == (words[0] == "status"), (words, ended.stderr)
        assert ended.stdout.strip() or "--out" in words
    blocks = re.findall(r"```python\n(.*?)```", STARTED.read_text(encoding="utf-8"), re.DOTALL)
    for block in blocks:
        subprocess.run([sys.executable, "-c", block], cwd=PROJECT, env=environment, check=True)
