with spans as (
    select
        symbol,
        min(first_date) as first_date,
        max(last_date) as last_date,
        sum(days)::integer as days,
        arg_max(close, date) as last_close,
        sum(dollar_volume) as dollar_volume
    from {{ ref('stocks_monthly') }}
    group by symbol
),

-- A ticker is reused: the listed one, else the one delisted last; of two alike the first by type, as in gold.
named as (
    select distinct on (symbol)
        symbol,
        name,
        type,
        active
    from {{ ref('tickers') }}
    order by symbol asc, delisted_date desc nulls first, type asc
)

select
    spans.*,
    named.name,
    named.type,
    named.active
from spans
left join named on spans.symbol = named.symbol
order by spans.symbol
