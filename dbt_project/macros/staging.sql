{% macro create_staging() %}{{ return(adapter.dispatch('create_staging')()) }}{% endmacro %}

{% macro default__create_staging() %}
    {#- Staging views live in memory, so a `dbt test` by itself begins without them. Its unit tests read the names
        and types of their columns and nothing else. -#}
    {%- if execute and flags.WHICH == 'test' %}
    create schema if not exists memory.staging;
    {%- for bronze in graph.sources.values() if bronze.source_name == 'polygon' %}
    create or replace view memory.staging.stg_polygon__{{ bronze.name }} as
    select *, false as is_context from ({{ bronze_bars(bronze, []) }});
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
