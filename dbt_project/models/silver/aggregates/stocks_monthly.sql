with raw_bars as (
    select * from {{ staged('source_bars', ref('stocks_daily')) }}
),

splits as (
    select * from {{ staged('splits', ref('stg_polygon__splits')) }}
),

bars as (
    {{ on_last_basis('raw_bars', 'month') }}
)

select * from ({{ period_bars('symbol', 'month') }})
