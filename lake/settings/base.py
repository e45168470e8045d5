"""What every block of the configuration shares."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

_CHECKOUT = Path(__file__).resolve().parents[2]
# Installed from a wheel there is no project folder: config/ and the lake lie in the current one.
PROJECT = _CHECKOUT if (_CHECKOUT / "pyproject.toml").exists() else Path.cwd()


class Section(BaseModel):
    """A block of the configuration file. A key it does not know is an error.

    The string below each setting is its description in docs/configuration.md.
    """

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    @model_validator(mode="before")
    @classmethod
    def _empty(cls, value: Any) -> Any:
        """A block whose keys are all commented out is one without keys."""
        return {} if value is None else value
