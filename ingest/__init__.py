"""From flat files to bronze: sources, landing, validation, one Parquet file a trading day.

What may live here: code that moves and checks raw files. Features are computed in dbt_project.
"""
