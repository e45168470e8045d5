"""Shared ground of every stage: settings, paths, the system profile, the catalog.

What may live here: what two stages need. Nothing here imports a stage.

For people: `lake.connect(root)`, `lake.bars(…)` and `lake.chain(…)` (docs/querying.md). They are
imported when they are first used, since every stage imports this package.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lake.public import bars, chain, connect

__all__ = ["bars", "chain", "connect"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from lake import public

    return getattr(public, name)
