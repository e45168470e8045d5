{{ bronze_bars('options_minute', bronze_files('options_minute')) }}
