with bars as (
    {{ bronze_bars(source('polygon', 'stocks_daily'), bronze_files('stocks_daily')) }}
)

-- Silver's engine stages neighbours of a batch beside it, as context for windows; bronze has none.
select
    *,
    false as is_context
from bars
