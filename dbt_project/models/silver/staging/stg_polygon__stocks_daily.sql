{{ bronze_bars('stocks_daily', bronze_files('stocks_daily')) }}
