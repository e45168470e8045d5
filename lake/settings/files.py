"""Reading a configuration file, and saying where it is wrong without showing what it says."""

from __future__ import annotations

from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import yaml
from pydantic_settings import YamlConfigSettingsSource

from lake.errors import UsageError


class _Loader(yaml.SafeLoader):
    """YAML, but a key that is there twice is an error: the first would silently not count."""


# `<<: *anchor`, the keys of another mapping.
MERGE = "tag:yaml.org,2002:merge"


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    keys: set[Any] = set()
    for key, _ in node.value:
        if key.tag == MERGE:
            continue
        name = loader.construct_object(key, deep=True)
        if not isinstance(name, str):
            raise yaml.MarkedYAMLError(
                problem="a name is wanted before the colon", problem_mark=key.start_mark
            )
        if name in keys:
            raise yaml.MarkedYAMLError(
                problem=f"{name} is there twice", problem_mark=key.start_mark
            )
        keys.add(name)
    return loader.construct_mapping(node, deep=True)


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


class YamlFile(YamlConfigSettingsSource):
    """One file of settings.

    Raises:
        UsageError: it is no YAML, or not keys with values.
    """

    def _read_file(self, file_path: Path | Traversable) -> dict[str, Any]:
        try:
            # A SafeLoader all the same.
            found = yaml.load(file_path.read_text(encoding="utf-8"), _Loader) or {}  # noqa: S506
        except yaml.MarkedYAMLError as error:
            line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
            raise UsageError(f"{file_path}{line}: {error.problem}") from None
        except (yaml.YAMLError, UnicodeDecodeError):
            raise UsageError(f"{file_path}: not a YAML file in UTF-8") from None
        if not isinstance(found, dict):
            raise UsageError(f"{file_path}: has no keys; write `source:` and below it settings")
        return found
