with actions as (
    select
        coalesce(splits.symbol, dividends.symbol) as symbol,
        coalesce(splits.ex_date, dividends.ex_date) as ex_date,
        1 / coalesce(splits.ratio, 1) as split_factor,
        coalesce(dividends.cash_amount, 0) as cash_amount
    from {{ ref('stg_polygon__splits') }} as splits
    full join {{ ref('stg_polygon__dividends') }} as dividends
        on splits.symbol = dividends.symbol and splits.ex_date = dividends.ex_date
),

traded as (
    select
        symbol,
        max(date) as last_date
    from {{ ref('stocks_daily') }}
    where symbol in (select actions.symbol from actions)
    group by symbol
),

-- An action changes nothing until a bar lies on both of its sides. A dividend is paid on the shares of its
-- day, so the close before it is put on their basis, through every split since.
effective as (
    select
        actions.*,
        bars.close::double * list_product(list(actions.split_factor) over (
            partition by actions.symbol, bars.date order by actions.ex_date
        )) as previous_close
    from actions
    inner join traded on actions.symbol = traded.symbol and actions.ex_date <= traded.last_date
    asof inner join {{ ref('stocks_daily') }} as bars
        on actions.symbol = bars.symbol and actions.ex_date > bars.date
),

weighed as (
    select
        *,
        {{ dividend_factor('cash_amount', 'previous_close') }} as dividend_factor
    from effective
),

histories as (
    select
        symbol,
        list(ex_date order by ex_date) as ex_dates,
        list(split_factor order by ex_date) as split_factors,
        list(dividend_factor order by ex_date) as dividend_factors
    from weighed
    where split_factor <> 1 or dividend_factor <> 1
    group by symbol
),

spans as (
    select
        *,
        unnest(range(len(ex_dates) + 1)) as passed
    from histories
),

factors as (
    select
        symbol,
        coalesce(ex_dates[passed], date '0001-01-01') as from_date,
        coalesce(ex_dates[passed + 1] - 1, date '9999-12-31') as to_date,
        coalesce(list_product(split_factors[passed + 1:]), 1) as split_factor,
        coalesce(list_product(dividend_factors[passed + 1:]), 1) as dividend_factor
    from spans
)

select
    *,
    split_factor * dividend_factor as cumulative_factor
from factors
order by symbol, from_date
