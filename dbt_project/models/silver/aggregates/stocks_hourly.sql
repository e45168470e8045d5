with bars as (
    select * from {{ staged('source_bars', ref('stocks_minute')) }}
)

select * from ({{ intraday_bars(60) }})
