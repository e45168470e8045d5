{% macro create_staging() %}
    {#- Staging views live in memory, so a `dbt test` by itself begins without them. Its unit tests read the names
        and types of their columns and nothing else. -#}
    {%- if execute and flags.WHICH == 'test' %}
    create schema if not exists memory.staging;
    {%- for dataset in ['stocks_daily', 'stocks_minute', 'options_daily', 'options_minute'] %}
    create or replace view memory.staging.stg_polygon__{{ dataset }} as
    select *, false as is_context from ({{ bronze_bars({'identifier': dataset}, []) }});
    {%- endfor %}
    {%- for name, columns in {
        'stg_polygon__splits': {'symbol': 'varchar', 'ex_date': 'date', 'ratio': 'double'},
        'stg_polygon__dividends': {'symbol': 'varchar', 'ex_date': 'date', 'cash_amount': 'double'},
        'int_option_underlyings': {'ticker': 'varchar', 'underlying': 'varchar'},
    }.items() %}
    create or replace view memory.staging.{{ name }} as {{ no_rows(columns) }};
    {%- endfor %}
    {%- endif %}
{% endmacro %}

{% macro no_rows(columns) %}
    {#- An empty table with these names and types. -#}
    select
        {%- for name, type in columns.items() %}
        null::{{ type }} as {{ name }}{{ ',' if not loop.last }}
        {%- endfor %}
    where false
{% endmacro %}
