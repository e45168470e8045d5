with bars as (
    select * from {{ staged('source_bars', ref('stocks_daily')) }}
)

select
    date,
    count(*)::integer as symbols,
    sum(volume)::decimal(18, 6) as volume,
    sum((close::double * volume::double)::hugeint)::decimal(38, 0) as dollar_volume,
    sum(transactions)::bigint as transactions,
    count(*) filter (close > open)::integer as advances,
    count(*) filter (close < open)::integer as declines
from bars
group by date
