with bars as (
    {{ bronze_bars(source('polygon', 'options_minute'), bronze_files('options_minute')) }}
)

-- Silver's engine stages neighbours of a batch beside it, as context for windows; bronze has none.
select
    *,
    false as is_context
from bars
