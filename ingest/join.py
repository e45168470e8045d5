"""The slices of a day as one, for days that cannot be written slice by slice."""

from __future__ import annotations

import polars as pl

from ingest.exact import PRICE_SCALE, SMALL, SPARE, VOLUME_SCALE, Slice
from ingest.flatfile import PRICES
from ingest.parse import DECIMALS, LARGE


def joined(slices: list[Slice]) -> Slice:
    """The rows of all slices. Prices share the smallest type that holds them all, volume another.

    That is DECIMAL(18, 4) for prices and DECIMAL(18, 0) for volume where it suffices, else more
    decimals, and 38 digits where 18 do not do.
    """
    scales = [slice_.scales for slice_ in slices if slice_.scales is not None]
    if len(scales) == len(slices):
        price, volume = (max(each) for each in zip(*scales, strict=True))
        if all(price - own[0] <= SPARE and volume - own[1] <= SPARE for own in scales):
            frames = [slice_.at(price, volume).rows for slice_ in slices]
            return Slice(pl.concat(frames), (price, volume))
    return Slice(_as_decimals(slices), None)


def _as_decimals(slices: list[Slice]) -> pl.DataFrame:
    frames = [slice_.decimals() for slice_ in slices]
    widest = max(_decimal(frame[name]).scale for frame in frames for name in DECIMALS)
    alike = pl.col(DECIMALS).cast(pl.Decimal(LARGE, widest))
    frame = pl.concat(frame.with_columns(alike) for frame in frames)
    price = smallest(frame.select(PRICES), PRICE_SCALE)
    volume = smallest(frame.select("volume"), VOLUME_SCALE)
    return frame.with_columns(pl.col(PRICES).cast(price), pl.col("volume").cast(volume))


def _decimal(column: pl.Series) -> pl.Decimal:
    assert isinstance(column.dtype, pl.Decimal)  # noqa: S101
    return column.dtype


def smallest(values: pl.DataFrame, scale: int) -> pl.Decimal:
    """The smallest Decimal type from this scale on that holds every value of some columns.

    Args:
        values: columns of one Decimal type.
        scale: the least number of decimals.
    """
    type_ = _decimal(values.to_series())
    rest = values
    while scale < type_.scale:
        rounded = pl.all().cast(pl.Decimal(LARGE, scale))
        rest = rest.filter(pl.any_horizontal(pl.all() != rounded))
        if not len(rest):
            break
        scale += 1
    if type_.precision == SMALL:
        return pl.Decimal(SMALL, scale)
    extremes = values.select(pl.all().max().name.suffix(" max"), pl.all().min()).row(0)
    largest = max((abs(value) for value in extremes if value is not None), default=0)
    small = scale <= SMALL and largest < 10 ** (SMALL - scale)
    return pl.Decimal(SMALL if small else LARGE, scale)
