"""pyqlib as the judge of the whole chain, too."""

from tests.gold_export.conftest import read, reader

__all__ = ["read", "reader"]
