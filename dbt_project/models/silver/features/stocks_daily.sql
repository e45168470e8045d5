with bars as (
    select * from {{ staged('bars', ref('stg_polygon__stocks_daily')) }}
),

splits as (
    select * from {{ staged('splits', ref('stg_polygon__splits')) }}
),

neighboured as (
    select
        *,
        lag(date) over by_date as previous_date,
        lag(close) over by_date as previous_close,
        {{ mean_of_20('volume', by='symbol') }} as mean
    from bars
    window by_date as (partition by symbol order by date)
),

ratios as (
    {{ split_ratios('neighboured', after='neighboured.previous_date', until='neighboured.date') }}
),

windowed as (
    select
        neighboured.*,
        coalesce(ratios.split_ratio, 1) as split_ratio,
        neighboured.previous_close::double / coalesce(ratios.split_ratio, 1) as rebased_close
    from neighboured
    left join ratios on neighboured.symbol = ratios.symbol and neighboured.date = ratios.date
),

rebased as (
    {{ rebased_means('windowed') }}
),

features as (
    select
        windowed.symbol,
        windowed.date,
        windowed.ts,
        windowed.open,
        windowed.high,
        windowed.low,
        windowed.close,
        windowed.volume,
        windowed.transactions,
        {{ feature('alpha_daily', log_decline('close', 'rebased_close')) }},
        {{ feature('price_range', '(high - low)::double') }},
        {{ feature('daily_return', bar_return('close', 'open')) }},
        {{ feature('vwap', 'case when volume > 0 then (high + low)::double / 2 end') }},
        {{ feature('relative_volume', relative_volume('volume', 'coalesce(rebased.mean_volume, mean)')) }}
    from windowed
    left join rebased on windowed.symbol = rebased.symbol and windowed.date = rebased.date
    where not windowed.is_context
)

select * from features {{ by_date('symbol') }}
