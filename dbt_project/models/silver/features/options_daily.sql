with bars as (
    select * from {{ staged('bars', ref('stg_polygon__options_daily')) }}
),

underlying_bars as (
    select * from {{ staged('underlying_bars', ref('stg_polygon__stocks_daily')) }}
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
        {{ mean_of_20('volume', by='ticker') }} as mean_volume
    from bars
),

features as (
    select
        windowed.ticker,
        windowed.date,
        windowed.ts,
        contracts.root,
        contracts.underlying,
        contracts.expiration_date,
        contracts.contract_type,
        contracts.strike_price,
        windowed.open,
        windowed.high,
        windowed.low,
        windowed.close,
        windowed.volume,
        windowed.transactions,
        {{ feature('moneyness', moneyness('underlying_bars.close')) }},
        {{ feature('days_to_expiry', days_between('windowed.date', 'contracts.expiration_date')) }},
        {{ feature('relative_volume', relative_volume('windowed.volume', 'windowed.mean_volume')) }}
    from windowed
    inner join contracts on windowed.ticker = contracts.ticker
    left join underlying_bars
        on contracts.underlying = underlying_bars.symbol and windowed.date = underlying_bars.date
    where not windowed.is_context
)

select * from features {{ by_date('ticker') }}
