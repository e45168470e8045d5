"""Reference data over REST: landed as it came, then bronze tables in DuckDB.

`sync` brings tables up to date, `tables` says what they hold and how each stays current.
"""
