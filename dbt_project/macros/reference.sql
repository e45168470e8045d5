{#- Reference data from REST, where landed: bronze/reference/<table>/*.parquet. Models that look something up
    there keep in the lake what they found (`metadata.applied_<model>`), so that an answer that comes late or is
    corrected restates the rows that it touches, and no others. -#}

{% macro reference_rows(table, columns) %}{{ return(adapter.dispatch('reference_rows')(table, columns)) }}{% endmacro %}

{% macro default__reference_rows(table, columns) %}
    {#- The rows of a reference table; none where it is not landed. `columns` gives names and types. -#}
    {%- do source('polygon_reference', table) -%}
    {%- set glob = in_lake('bronze/reference/' ~ table ~ '/*.parquet') -%}
    {%- if execute and run_query("select file from glob(" ~ glob ~ ") limit 1").rows -%}
    select {{ columns.keys() | join(', ') }} from read_parquet({{ glob }}, union_by_name = true)
    {%- else -%}
    {{ no_rows(columns) }}
    {%- endif -%}
{% endmacro %}

{% macro reference_splits() %}
    {#- New shares for an old one on the ex-date: 7.0 for a 7:1 split, 0.1 for a reverse split of 1:10. -#}
    select
        ticker as symbol,
        execution_date as ex_date,
        split_to / split_from as ratio
    from ({{ reference_rows('splits', {
        'ticker': 'varchar', 'execution_date': 'date', 'split_from': 'double', 'split_to': 'double'
    }) }})
{% endmacro %}

{% macro plain_root(ticker) -%}
    {#- The root without the digit that marks an adjusted deliverable. -#}
    regexp_replace({{ ticker_slice(ticker, 3, -16) }}, '[0-9]$', '')
{%- endmacro %}

{% macro reference_underlyings() %}
    {#- The contracts whose underlying in the reference is not what their root says. -#}
    select
        contracts.ticker,
        contracts.underlying_ticker as underlying
    from ({{ reference_rows('option_contracts', {'ticker': 'varchar', 'underlying_ticker': 'varchar'}) }}) as contracts
    left join {{ ref('option_roots') }} as option_roots on {{ plain_root('contracts.ticker') }} = option_roots.root
    where contracts.underlying_ticker <> coalesce(option_roots.underlying, {{ plain_root('contracts.ticker') }})
{% endmacro %}

{% macro applied(dataset) %}
    {{- return('lake.metadata.applied_' ~ dataset) -}}
{% endmacro %}

{% macro looked_up(dataset) %}
    {#- What a data set looks up: the temp table that holds it, its SQL, its columns with their types. -#}
    {%- if dataset == 'stocks_daily' -%}
        {{- return({
            'name': 'splits',
            'sql': reference_splits(),
            'columns': 'symbol, ex_date, ratio',
            'types': 'symbol varchar, ex_date date, ratio double',
        }) -}}
    {%- elif dataset in ['options_daily', 'options_minute'] -%}
        {{- return({
            'name': 'underlyings',
            'sql': reference_underlyings(),
            'columns': 'ticker, underlying',
            'types': 'ticker varchar, underlying varchar',
        }) -}}
    {%- endif -%}
{% endmacro %}

{% macro stage_reference(known) %}
    {#- Temp table `splits` or `underlyings`, and `changed_reference`: the instruments and ex-dates for
        which it differs from what silver was built with. `known` is false when silver starts from nothing. -#}
    {%- set lookup = looked_up(this.identifier) -%}
    {%- if lookup -%}
        {%- do refuse_without_reference(applied(this.identifier)) -%}
        {%- do run_query("create or replace temp table " ~ lookup.name ~ " as " ~ lookup.sql) -%}
        {%- set before = "select " ~ lookup.columns ~ " from " ~ applied(this.identifier) -%}
        {%- set now = "select " ~ lookup.columns ~ " from " ~ lookup.name -%}
        {%- do run_query(
            "create or replace temp table changed_reference as select distinct * from ("
            ~ "(" ~ now ~ " except " ~ before ~ ") union all (" ~ before ~ " except " ~ now ~ ")) where " ~ known
        ) -%}
    {%- else -%}
        {%- do run_query("create or replace temp table changed_reference as select 1 as nothing where false") -%}
    {%- endif -%}
{% endmacro %}

{% macro reference_has_changed() %}
    {{- return(run_query("select count(*) from changed_reference").rows[0][0] > 0) -}}
{% endmacro %}

{% macro stage_restated() %}
    {#- Temp table `bars`: silver's rows that a changed answer touches. A split reaches the 19 rows from its
        ex-date on, whose windows begin before it; they need the 20 rows before. A contract is rebuilt whole. -#}
    {% set key = instrument(this.identifier) %}
    {% set columns = bar_columns(key) %}
    {% set among = key ~ " in (select " ~ key ~ " from changed_reference)" %}
    {% if this.identifier == 'stocks_daily' %}
    {% do run_query(
        "create or replace temp table bars as with numbered as ("
        ~ "select " ~ columns ~ ", row_number() over (partition by symbol order by date) as n"
        ~ " from " ~ this ~ " where " ~ among
        ~ "), reached as (select symbol, ex_date, min(n) as first from numbered join changed_reference using (symbol)"
        ~ " where date >= ex_date group by symbol, ex_date)"
        ~ " select " ~ columns ~ ", not bool_or(n >= first) as is_context"
        ~ " from numbered join reached using (symbol) where n between first - 20 and first + 18 group by all"
    ) %}
    {% else %}
    {% do run_query(
        "create or replace temp table bars as select " ~ columns ~ ", false as is_context from " ~ this ~ " where " ~ among
    ) %}
    {% endif %}
    {% if this.identifier == 'options_daily' %}{% do stage_underlyings() %}{% endif %}
{% endmacro %}

{% macro record_reference() %}
    {#- Enter what silver is built with now. -#}
    {%- set lookup = looked_up(this.identifier) -%}
    {%- if lookup %}
    delete from {{ applied(this.identifier) }};
    insert into {{ applied(this.identifier) }}
    select {{ lookup.columns }} from {{ lookup.name }};
    {%- endif %}
{% endmacro %}
