"""`quantmini maintain`: what keeps a lake small, fast and trusted."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer

from flows.profiling import Profile
from lake.settings import load


class Action(StrEnum):
    """What can be asked for."""

    compact = "compact"
    expire = "expire"
    all = "all"


def maintain(
    action: Annotated[
        Action,
        typer.Argument(
            help="expire: drop old snapshots. compact: merge small files, drop deleted rows. "
            "all: these in order."
        ),
    ] = Action.all,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
    _profiled: Profile = False,
) -> None:
    """Upkeep of the lake; each action first backs the catalog up."""
    from flows.cli import finish
    from flows.upkeep import maintained

    finish(maintained(load(), action.value), words, as_json)


def words(document: dict[str, Any]) -> str:
    """A paragraph for each action."""
    lines = []
    for done in document["actions"]:
        lines += [f"{done['action']}: {line}" for line in WORDS[done["action"]](done)]
    return "\n".join([*lines, *(f"FAILED {failure['error']}" for failure in document["failed"])])


def _of_expire(done: dict[str, Any]) -> list[str]:
    return [
        f"{done['dropped']:,} snapshots dropped, {done['left']:,} left, "
        f"{done['deleted_files']:,} files deleted"
    ]


def _of_compact(done: dict[str, Any]) -> list[str]:
    lines = [
        f"{table['table']} {table['before']['data']:,} → {table['after']['data']:,} files, "
        f"{table['before']['bytes'] / 1e6:,.1f} → {table['after']['bytes'] / 1e6:,.1f} MB"
        for table in done["tables"]
    ]
    return [*(lines or ["nothing to do"]), f"{done['deleted_files']:,} files deleted"]


WORDS = {"expire": _of_expire, "compact": _of_compact}
