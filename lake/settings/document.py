"""docs/configuration.md, from the settings themselves: `python -m lake.settings.document`."""

from __future__ import annotations

import json
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from lake.profile import limits_for
from lake.settings import PROJECT, Settings
from lake.settings.mistakes import LEFT_OUT, block_of

HEAD = """\
# Configuration

<!-- Made by `just configuration` from the descriptions in lake/settings. -->

Settings stand in `config/pipeline_config.yaml`, which has each with its default.
`config/credentials.yaml` wins over it, and environment variables win over both: block and setting
in capitals with two underscores between them, as in `QUANTMINI_SOURCE__BUCKET`; a list or mapping
as JSON. A key or a variable that no setting has is an error, which names the one that was probably
meant. So is a key that is there twice.
"""
PROFILE = """\
## The system profile

What a run may use is detected when it begins: the memory as the least of machine and cgroup
(version 1 or 2), processors as the least of affinity and quota, the free disk. From that follow
the mode and its limits; `pipeline.mode` and the `processing.max_…` settings change them.
`quantmini profile` shows the outcome and writes it to `config/system_profile.yaml` for people to
read; no run reads it, since it would be wrong in a smaller container.

{modes}
Workers are never more than the processors. DuckDB gets half of the memory, since its limit covers
its buffers alone, as many threads as there are workers, and for its spill four fifths of the free
disk, in the lake's `temp`.
"""
VARIABLES = """\
## Other variables

| variable | what it does |
|---|---|
| `QUANTMINI_LAKE` | the lake's folder, as `lake.root` |
| `QUANTMINI_CONFIG` | the folder of both files instead of `config/` |
| `QUANTMINI_LOG_LEVEL` | what stderr shows: `DEBUG`, `INFO`, `WARNING` (by default) or `ERROR` |
| `QUANTMINI_MEMORY_LIMIT`, `QUANTMINI_THREADS`, `QUANTMINI_BATCH_ROWS` | limits of a literal \
`dbt build`; `quantmini` sets them from the profile |
| `QUANTMINI_SPARK_MASTER`, `QUANTMINI_SPARK_WAREHOUSE` | of `dbt build --target spark`: where \
Spark runs (`local[*]` by default), and where its tables lie (`silver_spark` in the lake); \
see scaling.md |
"""
MODES = {"streaming": "below 32 GiB", "batch": "below 64 GiB", "parallel": "from 64 GiB on"}
KINDS = {bool: "true or false", int: "whole number", float: "number", Path: "path"}


def document() -> str:
    """The whole page."""
    fields = Settings.model_fields
    parts = [HEAD]
    for name, field in fields.items():
        block = block_of(field.annotation)
        if block is not None:
            parts.append(f"## {name}\n\n{_line(block.__doc__)}\n\n{_table(_rows(block))}")
        elif not field.validation_alias:
            parts.append(f"## {name}\n\n{_line(field.description)}\n")
    secrets = {n: f for n, f in fields.items() if f.validation_alias}
    rows = [
        (f"`{name}`", f"`{_variable(field)}`", _line(field.description))
        for name, field in secrets.items()
    ]
    parts.append(
        "## Keys\n\nIn `config/credentials.yaml`, which git ignores. They are printed nowhere.\n\n"
        + _table(rows, ("key", "variable", "what it is"))
    )
    missing = [(f"`{place}`", why) for place, why in LEFT_OUT.items()]
    parts += [
        PROFILE.format(modes=_modes()),
        VARIABLES,
        "## Left out\n\nSettings of the first design that do not exist, since they would change "
        "nothing or break a guarantee.\n\n" + _table(missing, ("setting", "instead")),
    ]
    return "\n".join(parts)


def _modes() -> str:
    """The limits of each mode on a machine that has plenty."""
    rows = []
    for mode, memory in MODES.items():
        most = limits_for(mode, 2**20, 2**10)  # type: ignore[arg-type]
        ceiling = f", at most {most.max_memory_gb:g} GiB" if mode != "parallel" else ""
        numbers = (most.max_workers, most.max_concurrent_downloads, most.parquet_row_group_size)
        rows.append((mode, memory, f"four fifths{ceiling}", *(f"{each:,}" for each in numbers)))
    heads = ("mode", "usable memory", "memory of a run", "workers", "downloads", "row group")
    return _table(rows, heads)


def _rows(block: type[BaseModel], above: str = "") -> Iterator[tuple[str, ...]]:
    for name, field in block.model_fields.items():
        inner = block_of(field.annotation)
        if inner is not None:
            yield from _rows(inner, f"{above}{name}.")
        else:
            kind = _kind(field.annotation) + _bounds(field)
            yield f"`{above}{name}`", _default(field), kind, _line(field.description)


def _table(
    rows: Any, heads: tuple[str, ...] = ("setting", "default", "value", "what it does")
) -> str:
    lines = [heads, ("---",) * len(heads), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _line(text: str | None) -> str:
    return " ".join((text or "").split())


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    if isinstance(value, Path):
        value = str(value.relative_to(PROJECT))
    if value is None:
        return "none"
    return f"`{value if isinstance(value, str) else json.dumps(value)}`"


def _kind(annotation: Any) -> str:
    """What a value looks like, in words."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in inner)
    if origin in (Union, types.UnionType):
        return " or ".join(_kind(each) for each in inner if each is not type(None))
    if origin is list:
        return "list"
    if origin is dict:
        return "mapping"
    return KINDS.get(annotation, "text")


def _bounds(field: FieldInfo) -> str:
    least = next((rule.ge for rule in field.metadata if isinstance(rule, Ge)), None)
    above = next((rule.gt for rule in field.metadata if isinstance(rule, Gt)), None)
    most = next((rule.le for rule in field.metadata if isinstance(rule, Le)), None)
    words = [
        f"{word} {bound}"
        for word, bound in (("from", least), ("above", above), ("to", most))
        if bound is not None
    ]
    return ", " + " ".join(words) if words else ""


def _variable(field: FieldInfo) -> str:
    return str(field.validation_alias.choices[0])  # type: ignore[union-attr]


if __name__ == "__main__":
    sys.stdout.write(document())
