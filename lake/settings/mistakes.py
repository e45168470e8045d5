"""Finding what is wrong with a setting, and saying what was probably meant."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ValidationError

PREFIX = "QUANTMINI_"
# Variables that are no settings: where those are, the log level of stderr, and what dbt asks for.
OTHERS = (
    "CONFIG",
    "LOG_LEVEL",
    "MEMORY_LIMIT",
    "THREADS",
    "BATCH_ROWS",
    "SPARK_MASTER",
    "SPARK_WAREHOUSE",
)
# Settings of the design that were left out, and what there is instead.
LEFT_OUT = {
    "processing.enable_validation": "every row is always checked; see processing.max_bad_share",
    "processing.gc_frequency": (
        "garbage is collected when memory gets scarce; see monitoring.memory_warning_percent"
    ),
    "monitoring.memory_threshold_percent": (
        "there are two, monitoring.memory_warning_percent and memory_critical_percent"
    ),
}


def complaints(error: ValidationError, model: type[BaseModel]) -> list[str]:
    """What is wrong, a line each. A value may be a secret, so only its place is shown."""
    lines = []
    for item in error.errors(include_input=False):
        place = ".".join(str(part) for part in item["loc"])
        variable = PREFIX + place.replace(".", "__").upper()
        shown = variable if variable in os.environ else place
        unknown = item["type"] == "extra_forbidden"
        said = _unknown(place, model) if unknown else item["msg"].removeprefix("Value error, ")
        lines.append(f"{shown}: {said}")
    return lines


def _unknown(place: str, model: type[BaseModel]) -> str:
    """That a key is unknown, and what was probably meant."""
    *_, key = place.split(".")
    known = list(paths(model))
    if moved := LEFT_OUT.get(f"{place}", LEFT_OUT.get(place.removeprefix("pipeline."))):
        return f"does not exist: {moved}"
    same = [path for path in known if path.rpartition(".")[2] == key]
    meant = (
        same
        or difflib.get_close_matches(place, known, 1)
        or [
            path
            for path in known
            if path.rpartition(".")[2] in difflib.get_close_matches(key, _last(known), 1)
        ]
    )
    return "unknown" + (f"; did you mean {meant[0]}?" if meant else _list(known))


def _last(places: list[str]) -> list[str]:
    return [place.rpartition(".")[2] for place in places]


def _list(known: list[str]) -> str:
    return "; known: " + ", ".join(path for path in known if "." not in path)


def paths(model: type[BaseModel], above: str = "") -> Iterator[str]:
    """Every block and setting by its place, such as `source` and `source.bucket`."""
    for name, field in model.model_fields.items():
        yield above + name
        if (block := block_of(field.annotation)) is not None:
            yield from paths(block, f"{above}{name}.")


def block_of(annotation: Any) -> type[BaseModel] | None:
    """The block that a field holds; None where it holds a value."""
    is_block = isinstance(annotation, type) and issubclass(annotation, BaseModel)
    return annotation if is_block else None


def unknown_variables(model: type[BaseModel]) -> list[str]:
    """What is wrong with the environment's names of ours that reach no setting, a line each.

    Those inside a block are found with the block's other keys.
    """
    fields = [name for name, field in model.model_fields.items() if not field.validation_alias]
    strange = [
        name
        for name in sorted(os.environ)
        if name.upper().startswith(PREFIX)
        and name.upper().removeprefix(PREFIX).lower().split("__")[0] not in fields
    ]
    if not strange:
        return []
    settings = [PREFIX + path.replace(".", "__").upper() for path in paths(model)]
    others = [PREFIX + name for name in OTHERS]
    lines = []
    for name in (name for name in strange if name.upper() not in others):
        meant = difflib.get_close_matches(name.upper(), [*settings, *others], 1)
        lines.append(f"{name}: unknown variable" + (f"; did you mean {meant[0]}?" if meant else ""))
    return lines
