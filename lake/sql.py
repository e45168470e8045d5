"""Values as SQL text: many statements take no parameters, and DuckDB imports pandas for any."""

from __future__ import annotations

from datetime import date


def quoted(value: object) -> str:
    """A value's text, a path's say, as an SQL string."""
    return "'" + str(value).replace("'", "''") + "'"


def literal(value: object) -> str:
    """A text, date, whole number or None, or a list or dictionary of them, as an SQL literal.

    Raises:
        TypeError: the value is of another type.
    """
    match value:
        case None:
            return "NULL"
        case str():
            return quoted(value)
        case date():
            return f"DATE '{value}'"
        case int():
            return str(value)
        case list():
            return "[" + ", ".join(map(literal, value)) + "]"
        case dict():
            return "{" + ", ".join(f"{quoted(k)}: {literal(v)}" for k, v in value.items()) + "}"
    raise TypeError(f"no literal of {type(value).__name__}")
