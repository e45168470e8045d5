select
    underlying,
    expiration_date,
    count(*)::integer as contracts,
    count(distinct strike_price)::integer as strikes,
    min(strike_price) as lowest_strike,
    max(strike_price) as highest_strike,
    min(first_date) as first_date,
    max(last_date) as last_date,
    sum(volume)::decimal(18, 6) as volume
from {{ ref('contracts') }}
group by underlying, expiration_date
order by underlying, expiration_date
