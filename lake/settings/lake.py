"""Where the data lives."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator

from lake.settings.base import PROJECT, Section


def _beside_project(root: Path) -> Path:
    """A relative root in the file starts at the project, wherever the command is called."""
    return (PROJECT / root.expanduser()).resolve()


class Lake(Section):
    """Where the data lives."""

    root: Annotated[Path, AfterValidator(_beside_project)] = PROJECT / "quantmini-lake"
    """The lake's folder. A relative path starts at the project's folder. The variable
    QUANTMINI_LAKE holds it too; there a relative path starts at the current folder."""


def root_from_env(value: Any) -> Any:
    """QUANTMINI_LAKE holds the root itself; there, a relative one starts at the current folder."""
    return {"root": Path.cwd() / Path(value).expanduser()} if isinstance(value, str) else value
