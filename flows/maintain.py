"""`quantmini maintain`: what keeps a lake small, fast and trusted."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer

from flows.output import Json, finish
from flows.profiling import Profile
from flows.summary import complaints
from lake.settings import load


class Action(StrEnum):
    """What can be asked for."""

    compact = "compact"
    archive = "archive"
    expire = "expire"
    verify = "verify"
    rebuild = "rebuild"
    all = "all"


# What `all` does, in this order: what is dropped first need not be merged.
ALL = (Action.archive, Action.expire, Action.compact, Action.verify)


def maintain(
    action: Annotated[
        Action,
        typer.Argument(
            help="archive: put old files and options away. expire: drop old snapshots. compact: "
            "merge small files, drop deleted rows. verify: compare each layer with the one below. "
            "all: these four in order. rebuild: make silver anew from bronze."
        ),
    ] = Action.all,
    as_json: Json = False,
    _profiled: Profile = False,
) -> None:
    """Upkeep of the lake; each action that writes first backs the catalog up."""
    from flows.upkeep import maintained

    finish(maintained(load(), action.value), words, as_json)


def words(document: dict[str, Any]) -> str:
    """A paragraph for each action."""
    lines = []
    for done in document["actions"]:
        lines += [f"{done['action']}: {line}" for line in WORDS[done["action"]](done)]
    return "\n".join([*lines, *(f"FAILED {text}" for text in complaints(document))])


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


def _of_archive(done: dict[str, Any]) -> list[str]:
    landing, expired = done["landing"], done.get("expired_options")
    verb = "moved to archive/historical" if landing["action"] == "archive" else "dropped"
    text = f"{landing['files']:,} landing files {verb}, {landing['bytes'] / 1e6:,.1f} MB"
    if landing["action"] == "keep":
        text = "landing is kept (maintenance.landing)"
    return [text, *(_of_expired(expired) if expired else [])]


def _of_expired(expired: dict[str, Any]) -> list[str]:
    lines = [
        f"{month['dataset']} {month['rows']:,} rows that expired in {month['month']:%Y-%m} moved "
        f"to archive/expired_options, {month['bytes'] / 1e6:,.1f} MB"
        for month in expired["archived"]
    ]
    lines += [
        f"{month['dataset']} of {month['month']:%Y-%m} stays in silver until it is published; run "
        f"`quantmini transform {month['dataset']}`"
        for month in expired["waiting"]
    ]
    if expired["deleted_files"]:
        lines.append(f"{expired['deleted_files']:,} files deleted that no longer count")
    return lines


def _of_verify(done: dict[str, Any]) -> list[str]:
    lines = [
        f"{name} {facts['days']:,} days of landing converted again"
        + (f", {facts['landing_not_kept']:,} not kept" if facts["landing_not_kept"] else "")
        + f"; {done['silver'].get(name, 0):,} rows of silver compared with bronze"
        for name, facts in done["bronze"].items()
        if facts["days"] or facts["landing_not_kept"]
    ]
    for store in done["gold"]:
        if "values" in store:
            text = f"{store['values']:,} values of {store['instruments']:,} instruments compared"
        else:
            text = store.get("error", "behind silver, not compared; run `quantmini export`")
        lines.append(f"gold {store['store']} {text}")
    if done["unknown_files"]:
        lines.append(f"{len(done['unknown_files']):,} files in silver that the catalog lacks")
    return lines


def _of_rebuild(done: dict[str, Any]) -> list[str]:
    verdicts = ", ".join(f"{name} {verdict}" for name, verdict in done["verdicts"].items())
    lines = [f"{verdicts}; gold follows with `quantmini export`"]
    if done["set_aside"]:
        lines.append(f"the old catalog is in {done['set_aside']}")
    if done["removed_files"]:
        lines.append(f"{done['removed_files']:,} files of the old silver removed")
    return lines


WORDS = {
    "archive": _of_archive,
    "expire": _of_expire,
    "compact": _of_compact,
    "verify": _of_verify,
    "rebuild": _of_rebuild,
}
