with bars as (
    select * from {{ staged('bars', ref('stg_polygon__options_minute')) }}
),

underlyings as (
    select * from {{ staged('underlyings', ref('int_option_underlyings')) }}
),

contracts as (
    {{ option_contracts('bars') }}
),

windowed as (
    select
        *,
        lag(high) over by_minute as previous_high,
        lag(low) over by_minute as previous_low,
        sign(close - lag(close) over by_minute)::integer as tick
    from bars
    window by_minute as (partition by ticker, date order by ts)
),

signed as (
    select
        *,
        -- The tick test: an unchanged close keeps the last sign, the first bar has none.
        coalesce(
            {{ last_known('nullif(tick, 0)') }} over (
                partition by ticker, date order by ts
                rows between unbounded preceding and current row
            ),
            0
        ) * volume as signed_volume
    from windowed
),

features as (
    select
        signed.ticker,
        signed.ts,
        signed.date,
        contracts.root,
        contracts.underlying,
        contracts.expiration_date,
        contracts.contract_type,
        contracts.strike_price,
        signed.open,
        signed.high,
        signed.low,
        signed.close,
        signed.volume,
        signed.transactions,
        {{ feature('bid_ask_spread', corwin_schultz('signed')) }},
        {{ feature('volume_imbalance', signed_share('signed', 'last_20')) }}
    from signed
    inner join contracts on signed.ticker = contracts.ticker
    window last_20 as (
        partition by signed.ticker, signed.date order by signed.ts
        rows between 19 preceding and current row
    )
)

select * from features {{ by_date('ticker, ts') }}
