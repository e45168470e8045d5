with spans as (
    select
        ticker,
        min(first_date) as first_date,
        max(last_date) as last_date,
        sum(days)::integer as days,
        sum(volume)::decimal(18, 6) as volume
    from {{ ref('options_monthly') }}
    group by ticker
),

underlyings as (
    select * from {{ ref('int_option_underlyings') }}
),

facts as (
    {{ option_contracts('spans') }}
)

select
    facts.ticker,
    facts.root,
    facts.underlying,
    facts.expiration_date,
    facts.contract_type,
    facts.strike_price,
    spans.first_date,
    spans.last_date,
    spans.days,
    spans.volume
from spans
inner join facts on spans.ticker = facts.ticker
order by facts.underlying, facts.expiration_date, facts.strike_price, facts.ticker
