with paid as (
    {{ reference_rows('dividends', {
        'ticker': 'varchar', 'ex_dividend_date': 'date', 'cash_amount': 'double', 'currency': 'varchar'
    }) }}
)

-- Prices are in dollars, so other currencies say nothing about them.
select
    ticker as symbol,
    ex_dividend_date as ex_date,
    list_sum(list(cash_amount order by cash_amount)) as cash_amount
from paid
where upper(coalesce(currency, 'USD')) = 'USD'
group by ticker, ex_dividend_date
