{{ bronze_bars('options_daily', bronze_files('options_daily')) }}
