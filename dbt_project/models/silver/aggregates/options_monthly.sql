with bars as (
    select * from {{ staged('source_bars', ref('options_daily')) }}
)

select * from ({{ period_bars('ticker', 'month') }})
