with bars as (
    select * from {{ staged('bars', ref('stg_polygon__stocks_minute')) }}
),

sessions as (
    select * from {{ source('exchange', 'sessions') }}
),

windowed as (
    select
        *,
        lag(close) over by_minute as previous_close,
        lag(ts) over by_minute as previous_ts
    from bars
    window by_minute as (partition by symbol, date order by ts)
),

features as (
    select
        windowed.symbol,
        windowed.ts,
        windowed.date,
        {{ trading_session('windowed.date', 'windowed.ts') }} as session,
        windowed.open,
        windowed.high,
        windowed.low,
        windowed.close,
        windowed.volume,
        windowed.transactions,
        {{ feature('alpha_minute', log_decline('windowed.close', 'windowed.previous_close::double')) }},
        {{ feature('price_velocity', velocity('windowed')) }},
        {{ feature('minute_return', bar_return('windowed.close', 'windowed.open')) }}
    from windowed
    left join sessions on windowed.date = sessions.date
)

select * from features {{ by_date('symbol, ts') }}
