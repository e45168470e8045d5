"""Numbers as people read them: grouped digits, and a unit with each."""

from __future__ import annotations

from datetime import date

NONE = "\N{EN DASH}"
STEPS = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def number(value: float) -> str:
    """12,345."""
    return f"{value:,.0f}"


def short(value: float) -> str:
    """Three digits: 12.3 k, 4.56 M."""
    for step, unit in STEPS:
        if abs(value) >= step:
            return f"{value / step:.3g} {unit}"
    return f"{value:.3g}"


def size(value: float) -> str:
    """Bytes: 12.3 MB."""
    text = short(value)
    return f"{text}B" if text[-1].isalpha() else f"{text} B"


def seconds(value: float) -> str:
    """8 ms, 0.42 s, 12.3 s, 3 min 20 s."""
    if value < 0.1:
        return f"{1000 * value:.3g} ms"
    if value < 120:
        return f"{value:.3g} s"
    return f"{value // 60:,.0f} min {value % 60:.0f} s"


def price(value: float | None) -> str:
    """Two decimals, four below one; a dash where there is none."""
    if value is None:
        return NONE
    return f"{value:,.4f}" if abs(value) < 1 else f"{value:,.2f}"


def day(value: date | None) -> str:
    """3 Jun 2024; a dash where there is none."""
    return NONE if value is None else f"{value.day} {value:%b %Y}"
