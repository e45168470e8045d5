{{ bronze_bars('stocks_minute', bronze_files('stocks_minute')) }}
