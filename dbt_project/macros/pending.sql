{% macro prepare_lake() %}{{ return(adapter.dispatch('prepare_lake')()) }}{% endmacro %}

{% macro default__prepare_lake() %}
    create schema if not exists lake.metadata;
    call lake.set_option('parquet_compression', 'zstd');
    {#- Small enough that one symbol is found without reading its neighbours (docs/decisions/004). #}
    call lake.set_option('parquet_row_group_size', '49152');
{% endmacro %}

{% macro ledger(model) %}{{ return(adapter.dispatch('ledger')(model)) }}{% endmacro %}

{% macro default__ledger(model) %}
    {#- metadata.days_<model>: which version of each bronze day it holds. A table each: of two machines that
        change one table at once, DuckLake refuses one. -#}
    {{- return('lake.metadata.days_' ~ model) -}}
{% endmacro %}

{% macro create_ledgers() %}
    {% do run_query("create table if not exists " ~ ledger(this.identifier) ~ " (date date, version varchar)") %}
    {% set lookup = looked_up(this.identifier) %}
    {% if lookup %}
    {% do run_query("create table if not exists " ~ applied(this.identifier) ~ " (" ~ lookup.types ~ ")") %}
    {% endif %}
{% endmacro %}

{% macro bronze_days(dataset) %}{{ return(adapter.dispatch('bronze_days')(dataset)) }}{% endmacro %}

{% macro default__bronze_days(dataset) %}
    {#- One row a bronze day: its file, rows and version. The version is the source's ETag (from the
        file's footer) with the file's own size and row count, so that a swapped file counts as changed. -#}
    {%- if bronze_files(dataset) %}
    select
        parse_filename(files.file_name, true)::date as date,
        files.file_name as file,
        files.num_rows as rows,
        md5(concat_ws(' ', decode(provenance.value) ->> 'etag', files.file_size_bytes, files.num_rows)) as version
    from parquet_file_metadata({{ bronze_glob(dataset) }}) as files
    left join parquet_kv_metadata({{ bronze_glob(dataset) }}) as provenance
        on files.file_name = provenance.file_name and provenance.key = 'quantmini'
    {%- else %}
    select null::date as date, null::varchar as file, null::bigint as rows, null::varchar as version
    where false
    {%- endif %}
{% endmacro %}

{% macro looked_at_days(dataset) %}
    {#- The bronze days of a data set by all that is read for them. Moneyness reads the underlying's close: a
        day of options changes with its day of stocks. -#}
    {%- if dataset == 'options_daily' %}
    select
        options.date,
        options.file,
        options.rows,
        md5(concat_ws(' ', options.version, stocks.version)) as version
    from ({{ bronze_days(dataset) }}) as options
    left join ({{ bronze_days('stocks_daily') }}) as stocks on options.date = stocks.date
    {%- else %}
    {{ bronze_days(dataset) }}
    {%- endif %}
{% endmacro %}

{% macro built_version() -%}
    {#- Another list of features is another content, so each day is built anew. -#}
    md5(concat_ws(' ', version, '{{ configured_features() | join(' ') }}'))
{%- endmacro %}

{% macro find_pending(dataset, known) %}
    {#- Temp table `pending`: the days whose bronze version differs from the ledger's, new, restated or
        removed, cut into ascending batches by rows and at gaps, so that no settled day lies inside
        one. `known` is false when silver starts from nothing. -#}
    {% set sql %}
    create or replace temp table pending as
    with bronze as (
        {%- if aggregated() %}
        {{ aggregated_units(aggregated().source, aggregated().period) }}
        {%- else %}
        {{ looked_at_days(dataset) }}
        {%- endif %}
    ),

    versions as (
        select
            date,
            file,
            rows,
            {{ built_version() }} as version
        from bronze
    ),

    ledger as (
        select date, version from {{ ledger(dataset) }} where {{ known }}
    ),

    days as (
        select
            date,
            versions.file,
            versions.version,
            coalesce(versions.rows, 0) as rows,
            versions.version is distinct from ledger.version as changed
        from versions full join ledger using (date)
    ),

    islands as (
        select
            *,
            row_number() over (order by date)
            - row_number() over (partition by changed order by date) as island
        from days
    ),

    cut as (
        select
            *,
            (sum(rows) over (partition by island order by date) - rows) // getvariable('batch_rows') as slice
        from islands
        where changed
    )

    select date, file, version, dense_rank() over (order by island, slice) - 1 as batch
    from cut
    {% endset %}
    {% do run_query(sql) %}
{% endmacro %}

{% macro pending_values(column, batch) %}
    {#- One column of a batch's days as a list. -#}
    {% set found = run_query(
        "select " ~ column ~ "::varchar from pending where batch = " ~ batch
        ~ " and " ~ column ~ " is not null order by date"
    ) %}
    {{ return(found.columns[0].values() | list) }}
{% endmacro %}
