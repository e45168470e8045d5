with bars as (
    select * from {{ staged('bars', ref('stg_polygon__stocks_daily')) }}
),

windowed as (
    select
        *,
        lag(close) over by_date as previous_close,
        avg(volume) over (by_date rows between 19 preceding and current row) as mean_volume
    from bars
    window by_date as (partition by symbol order by date)
),

features as (
    select
        symbol,
        date,
        ts,
        open,
        high,
        low,
        close,
        volume,
        transactions,
        {{ feature('alpha_daily', log_decline('close', 'previous_close')) }},
        {{ feature('price_range', '(high - low)::double') }},
        {{ feature('daily_return', bar_return('close', 'open')) }},
        {{ feature('vwap', 'case when volume > 0 then (high + low)::double / 2 end') }},
        {{ feature('relative_volume', 'volume::double / nullif(mean_volume, 0)') }}
    from windowed
    where not is_context
)

select * from features
order by symbol, date
