"""The four data sets of flat files: names, vendor prefixes, keys."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

from lake.errors import UsageError


@dataclass(frozen=True)
class Dataset:
    """One kind of flat file.

    Attributes:
        name: our name, used in paths, SQL and commands.
        prefix: the vendor's prefix inside the bucket.
        instrument: the instrument column, `symbol` for stocks and `ticker` for options.
        asset: groups the data sets that share a metadata folder.
        minute: True for minute bars, False for day bars.
    """

    name: str
    prefix: str
    instrument: Literal["symbol", "ticker"]
    asset: Literal["stocks", "options"]
    minute: bool

    def object_key(self, day: date) -> str:
        """The vendor's object key of one trading day."""
        return f"{self.prefix}/{day:%Y/%m/%Y-%m-%d}.csv.gz"


DATASETS = {
    dataset.name: dataset
    for dataset in (
        Dataset("stocks_daily", "us_stocks_sip/day_aggs_v1", "symbol", "stocks", minute=False),
        Dataset("stocks_minute", "us_stocks_sip/minute_aggs_v1", "symbol", "stocks", minute=True),
        Dataset("options_daily", "us_options_opra/day_aggs_v1", "ticker", "options", minute=False),
        Dataset(
            "options_minute", "us_options_opra/minute_aggs_v1", "ticker", "options", minute=True
        ),
    )
}


def pick(names: list[str] | None) -> list[Dataset]:
    """The data sets with these names, all four when none is named.

    Raises:
        UsageError: a name is not a data set.
    """
    unknown = [name for name in names or [] if name not in DATASETS]
    if unknown:
        raise UsageError(f"unknown data set {', '.join(unknown)}; known: {', '.join(DATASETS)}")
    return [dataset for name, dataset in DATASETS.items() if not names or name in names]
