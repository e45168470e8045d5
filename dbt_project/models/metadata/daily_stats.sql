select
    date,
    symbols,
    volume,
    dollar_volume,
    transactions,
    advances,
    declines
from {{ ref('stocks_statistics') }}
order by date
