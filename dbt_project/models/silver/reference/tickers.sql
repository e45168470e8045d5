with listed as (
    {{ reference_rows('tickers', {
        'ticker': 'varchar', 'name': 'varchar', 'market': 'varchar', 'locale': 'varchar',
        'primary_exchange': 'varchar', 'type': 'varchar', 'currency_name': 'varchar', 'cik': 'varchar',
        'composite_figi': 'varchar', 'share_class_figi': 'varchar', 'active': 'boolean',
        'delisted_utc': 'timestamptz', 'last_updated_utc': 'timestamptz',
    }) }}
)

select
    ticker as symbol,
    name,
    market,
    locale,
    primary_exchange,
    type,
    currency_name,
    cik,
    composite_figi,
    share_class_figi,
    active,
    delisted_utc::date as delisted_date,
    last_updated_utc as last_updated
from listed
order by symbol, delisted_date
