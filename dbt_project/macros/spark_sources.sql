{#- What Spark reads and keeps: bronze and the reference as external tables, made again in each run, since the lake
    may have moved; the ledgers; and what DuckDB alone does. -#}

{% macro spark_lake() %}{{ return(env_var('QUANTMINI_LAKE', '../quantmini-lake')) }}{% endmacro %}

{% macro spark__prepare_lake() %}
    {%- if execute %}
    {%- set there = run_query('show databases').columns[0].values() %}
    {%- for schema in ['metadata', 'polygon', 'polygon_reference', 'exchange'] if schema not in there %}
        {%- do run_query('create database ' ~ schema) %}
    {%- endfor %}
    {%- do spark_ledger('days', 'date date, version string') %}
    {%- for kept in ['applied', 'staged'] %}
        {%- do spark_ledger(kept ~ '_splits', 'symbol string, ex_date date, ratio double') %}
        {%- do spark_ledger(kept ~ '_underlyings', 'ticker string, underlying string') %}
    {%- endfor %}
    {%- for bronze in graph.sources.values() if bronze.source_name == 'polygon' %}
        {%- do spark_bronze(bronze.name) %}
    {%- endfor %}
    {%- do spark_external(
        'polygon_reference.splits', 'bronze/reference/splits', '*.parquet', 'parquet',
        'ticker string, execution_date date, split_from double, split_to double'
    ) %}
    {%- do spark_external(
        'polygon_reference.option_contracts', 'bronze/reference/option_contracts', '*.parquet', 'parquet',
        'ticker string, underlying_ticker string'
    ) %}
    {%- do spark_external(
        'exchange.sessions', 'metadata/exchange', 'sessions.parquet', 'parquet',
        'date date, open timestamp, close timestamp'
    ) %}
    {%- if not run_query('select date from exchange.sessions limit 1').rows %}
        {%- do exceptions.raise_compiler_error(
            'no trading sessions in ' ~ spark_lake() ~ '/metadata/exchange; run `quantmini ingest` first'
        ) %}
    {%- endif %}
    {%- endif %}
{% endmacro %}

{% macro spark__ledger(model) -%}
    (select date, version from metadata.days where dataset = '{{ model }}')
{%- endmacro %}

{% macro spark_ledger(table, columns) %}
    {%- do run_query(
        'create table if not exists metadata.' ~ table ~ ' (' ~ columns ~ ', dataset string) using parquet'
        ~ ' partitioned by (dataset)'
    ) -%}
{% endmacro %}

{% macro spark_bronze(dataset) %}
    {#- `polygon.<dataset>` and its files. A day's decimals are as few as fit its file; the reader makes them 24 digits
        with 6 decimals, and fails on a file that has more. -#}
    {%- set folder = 'bronze/' ~ dataset -%}
    {%- set day = '????-??-??.parquet' -%}
    {%- set prices = [] -%}
    {%- for name in ['open', 'high', 'low', 'close', 'volume'] -%}
        {%- do prices.append(name ~ ' decimal(24, 6)') -%}
    {%- endfor -%}
    {%- do spark_external(
        'polygon.' ~ dataset, folder, day, 'parquet',
        instrument(dataset) ~ ' string, date date, ts timestamp, ' ~ prices | join(', ') ~ ', transactions bigint'
    ) -%}
    {%- do spark_external('polygon.' ~ dataset ~ '_files', folder, day, 'binaryFile', none) -%}
{% endmacro %}

{% macro spark_external(table, folder, names, format, columns) %}
    {%- do run_query('drop table if exists ' ~ table) -%}
    {%- do run_query(
        'create table ' ~ table ~ (' (' ~ columns ~ ')' if columns else '') ~ ' using ' ~ format
        ~ " options (recursiveFileLookup 'true', pathGlobFilter " ~ quoted(names) ~ ") location "
        ~ quoted(spark_lake() ~ '/' ~ folder)
    ) -%}
{% endmacro %}

{% macro spark__bronze_days(dataset) %}
    {#- A day's version is its file's size and time: a footer's keys are out of reach of Spark SQL, and every file that
        is written anew differs in these. Only who asks for `rows` has the footers read. -#}
    select
        files.date,
        files.file,
        counts.rows,
        files.version
    from (
        select
            right(path, 18) as file,
            substring(path, -18, 10)::date as date,
            md5(concat_ws(' ', length::string, unix_micros(modificationTime)::string)) as version
        from polygon.{{ dataset }}_files
    ) as files
    left join (
        select _metadata.file_name as file, count(*) as rows from polygon.{{ dataset }} group by all
    ) as counts on files.file = counts.file
{% endmacro %}

{% macro spark__bronze_files(dataset) %}
    {#- Spark finds them by itself. -#}
    {{- return(none) -}}
{% endmacro %}

{% macro spark__bronze_bars(bronze, files) %}
    {#- `files` are dates here, whose files alone are opened; all of them where it is none. -#}
    select
        {{ instrument(bronze.identifier) }},
        date,
        ts,
        {%- for column in ['open', 'high', 'low', 'close', 'volume'] %}
        {{ column }}::decimal(18, 6) as {{ column }},
        {%- endfor %}
        transactions
    from {{ bronze }}
    {%- if files is not none %}
    where {{ "_metadata.file_name in ('" ~ files | join(".parquet', '") ~ ".parquet')" if files else 'false' }}
    {%- endif %}
{% endmacro %}

{% macro spark__reference_rows(table, columns) %}
    select {{ columns.keys() | join(', ') }} from {{ source('polygon_reference', table) }}
{% endmacro %}

{% macro spark__changed_dates(relation, gained) %}
    {#- Nothing is published from Spark, so the gate looks at every row. -#}
    {{- return(none) -}}
{% endmacro %}

{% macro spark__create_staging() %}{% endmacro %}

{% macro spark__publish(results) %}{% endmacro %}

{% macro spark__keep_failures(results) %}{% endmacro %}
