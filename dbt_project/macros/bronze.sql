{% macro instrument(dataset) %}
    {{- return('symbol' if dataset.startswith('stocks') else 'ticker') -}}
{% endmacro %}

{% macro bronze_glob(dataset) %}
    {{- return(in_lake('bronze/' ~ dataset ~ '/year=*/month=*/????-??-??.parquet')) -}}
{% endmacro %}

{% macro bronze_files(dataset) %}{{ return(adapter.dispatch('bronze_files')(dataset)) }}{% endmacro %}

{% macro default__bronze_files(dataset) %}
    {#- Every bronze file of a data set; none on a fresh lake. -#}
    {%- if not execute -%}{{ return([]) }}{%- endif -%}
    {%- set found = run_query("select file from glob(" ~ bronze_glob(dataset) ~ ") order by file") -%}
    {{- return(found.columns[0].values() | list) -}}
{% endmacro %}

{% macro quoted(text) %}
    {{- return("'" ~ text.replace("'", "''") ~ "'") -}}
{% endmacro %}

{% macro exact(column) %}
    {#- Silver's raw type. A file that needs more decimals is an error that names it, never rounded. -#}
    case
        when try_cast({{ column }} as decimal(18, 6)) = {{ column }}
            then try_cast({{ column }} as decimal(18, 6))
        else error(filename || ': {{ column }} ' || {{ column }} || ' does not fit decimal(18, 6)')
    end
{% endmacro %}

{% macro bronze_bars(bronze, files) %}{{ return(adapter.dispatch('bronze_bars')(bronze, files)) }}{% endmacro %}

{% macro default__bronze_bars(bronze, files) %}
    {#- The raw columns of a bronze source in silver's types, read from these of its files. -#}
    {%- set dataset = bronze.identifier %}
    {%- if files %}
    select
        {{ instrument(dataset) }},
        date,
        ts,
        {%- for column in ['open', 'high', 'low', 'close', 'volume'] %}
        {{ exact(column) }} as {{ column }},
        {%- endfor %}
        transactions::bigint as transactions
    from read_parquet(
        [{% for file in files %}{{ quoted(file) }}{{ ', ' if not loop.last }}{% endfor %}],
        union_by_name = true, hive_partitioning = false, filename = true
    )
    {%- else %}
    select
        null::varchar as {{ instrument(dataset) }},
        null::date as date,
        null::timestamptz as ts,
        {%- for column in ['open', 'high', 'low', 'close', 'volume'] %}
        null::decimal(18, 6) as {{ column }},
        {%- endfor %}
        null::bigint as transactions
    where false
    {%- endif %}
{% endmacro %}

{% macro newest_close(dataset) %}
    {#- When the newest bronze day ended, for dbt source freshness; long ago where there is none. -#}
    select coalesce(
        timezone('America/New_York', max(parse_filename(file, true)::date) + time '16:00'),
        timestamptz '1970-01-01'
    ) from glob({{ bronze_glob(dataset) }})
{% endmacro %}
