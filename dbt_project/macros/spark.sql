{#- The engine of incremental silver on Spark. As on DuckDB a ledger, here `metadata.days` with a partition a
    data set, says what silver holds and the model is a formula over `bars`; but a run reads what it needs from
    bronze, and overwrites whole dates: those that changed, and those whose windows reach one
    (docs/decisions/012-spark.md). -#}

{% macro spark__start_batches() %}
    {%- if execute %}
    {%- do spark_stage_reference() %}
    {%- do spark_find_days() %}
    {%- do spark_find_rebuilt() %}
    {%- do spark_stage_bars() %}
    {#- What is going to be written counts as unknown until it is, so that a killed run is done again. -#}
    {{ spark_write_ledger("if(changed or date in (select date from rebuilt), '', version)", 'true') }}
    {%- endif %}
{% endmacro %}

{% macro spark__record_batch(batch, known) %}
    {%- if execute %}
    {%- for day in run_query("select date::string from days where version is null").columns[0].values() %}
        {%- do run_query("alter table " ~ this ~ " drop if exists partition (date = date '" ~ day ~ "')") %}
    {%- endfor %}
    {%- set lookup = looked_up(this.identifier) %}
    {%- if lookup %}
        {%- do spark_write_reference('applied_' ~ lookup.name, "select * except (dataset) from metadata.staged_"
            ~ lookup.name ~ " where dataset = '" ~ this.identifier ~ "'") %}
    {%- endif %}
    {{ spark_write_ledger('version', 'version is not null') }}
    {%- endif %}
{% endmacro %}

{% macro spark__build_remaining_batches() %}{% endmacro %}

{% macro spark_write_ledger(version, condition) %}
    insert overwrite table metadata.days partition (dataset = '{{ this.identifier }}')
    select date, {{ version }} from days where {{ condition }}
{% endmacro %}

{% macro spark_write_reference(table, rows) %}
    {%- do run_query(
        "insert overwrite table metadata." ~ table ~ " partition (dataset = '" ~ this.identifier ~ "') " ~ rows
    ) -%}
{% endmacro %}

{% macro spark_stage_reference() %}
    {#- Views `splits` or `underlyings` over what the reference says now, kept so that it is also what is recorded;
        `changed_reference` is its difference to what silver was built with. -#}
    {%- set lookup = looked_up(this.identifier) -%}
    {%- if lookup -%}
        {%- do spark_write_reference('staged_' ~ lookup.name, lookup.sql) -%}
        {%- set where = " where dataset = '" ~ this.identifier ~ "'" -%}
        {%- set now = "select " ~ lookup.columns ~ " from metadata.staged_" ~ lookup.name ~ where -%}
        {%- set applied = "select " ~ lookup.columns ~ " from metadata.applied_" ~ lookup.name ~ where -%}
        {%- do run_query("create or replace temporary view " ~ lookup.name ~ " as " ~ now) -%}
        {%- do run_query(
            "create or replace temporary view changed_reference as ("
            ~ now ~ " except " ~ applied ~ ") union (" ~ applied ~ " except " ~ now ~ ")"
        ) -%}
    {%- endif -%}
{% endmacro %}

{% macro spark_find_days() %}
    {#- View `days`, of literals and so the same to the end of the run: every bronze day, its version, and whether
        the ledger says another. Days that are gone have no version. -#}
    {%- set found = run_query(
        "select date::string, versions.version, versions.version is distinct from ledger.version as changed from ("
        ~ " select date, " ~ built_version() ~ " as version from (" ~ looked_at_days(this.identifier) ~ ")"
        ~ ") as versions full join ("
        ~ " select date, version from metadata.days where dataset = '" ~ this.identifier ~ "' and " ~ is_incremental()
        ~ ") as ledger using (date) order by date"
    ) -%}
    {%- set rows = [] -%}
    {%- for day in found.rows -%}
        {%- set version = "'" ~ day[1] ~ "'" if day[1] else 'null' -%}
        {%- do rows.append("(date '" ~ day[0] ~ "', " ~ version ~ ", " ~ day[2] ~ ")") -%}
    {%- endfor -%}
    {%- do spark_literals('days', {'date': 'date', 'version': 'string', 'changed': 'boolean'}, rows) -%}
{% endmacro %}

{% macro spark_find_rebuilt() %}
    {#- View `rebuilt`: the bronze days that are computed in this run. -#}
    {%- set sql -%}
    select date from days where changed
    {%- if is_incremental() and this.identifier.endswith('daily') %}
    union {{ spark_reached(instrument(this.identifier)) }}
    {%- endif %}
    {%- if is_incremental() and this.identifier.startswith('options') %}
    union select date from {{ this }} where ticker in (select ticker from changed_reference)
    {%- endif %}
    {%- endset -%}
    {%- set found = run_query(
        "select distinct date::string from (" ~ sql ~ ") where date in (select date from days where version is not null)"
        ~ " order by 1"
    ) -%}
    {%- set rows = [] -%}
    {%- for day in found.rows -%}{%- do rows.append("(date '" ~ day[0] ~ "')") -%}{%- endfor -%}
    {%- do spark_literals('rebuilt', {'date': 'date'}, rows) -%}
{% endmacro %}

{% macro spark_reached(key) %}
    {#- The dates with a row that sees a changed one among the 20 of its window. Rows that are gone hold a place,
        as does a split that came, changed or went, so what any row saw before it sees here. -#}
    {%- set touched %}
    select {{ key }}, date from {{ this }} where date in (select date from days where changed)
    {%- if this.identifier == 'stocks_daily' %}
    union select symbol, ex_date from changed_reference
    {%- endif %}
    {%- endset %}
    select date from (
        select date, max(is_changed) over (
            partition by {{ key }} order by date rows between 19 preceding and current row
        ) as is_reached
        from (
            select {{ key }}, date, max(is_changed) as is_changed
            from (
                select bars.{{ key }}, bars.date, days.changed as is_changed
                from {{ source('polygon', this.identifier) }} as bars inner join days on bars.date = days.date
                union all
                select {{ key }}, date, true from ({{ touched }})
            )
            group by {{ key }}, date
        )
    )
    where is_reached
{% endmacro %}

{% macro spark_stage_bars() %}
    {#- View `bars`: bronze's rows of the days that are rebuilt, and for day bars the 20 rows before them. -#}
    {%- set dataset = this.identifier -%}
    {%- set rebuilt = run_query("select date::string from rebuilt order by date").columns[0].values() | list -%}
    {%- set bronze = source('polygon', dataset) -%}
    {%- if not dataset.endswith('daily') or not is_incremental() -%}
        {%- set sql = "select *, false as is_context from (" ~ bronze_bars(bronze, rebuilt) ~ ")" -%}
    {%- else -%}
        {%- set inside = 'date in ' ~ dates(rebuilt) if rebuilt else 'false' -%}
        {%- set before = "date <= date '" ~ rebuilt[-1] ~ "'" if rebuilt else 'false' -%}
        {%- set sql -%}
        select {{ bar_columns(instrument(dataset)) }}, is_context from (
            select *, not {{ inside }} as is_context, max({{ inside }}) over (
                partition by {{ instrument(dataset) }} order by date rows between current row and 20 following
            ) as is_seen
            from ({{ bronze_bars(bronze, none) }}) where {{ before }}
        )
        where is_seen
        {%- endset -%}
    {%- endif -%}
    {%- do run_query("create or replace temporary view bars as " ~ sql) -%}
    {%- if dataset == 'options_daily' -%}
        {%- do run_query(
            "create or replace temporary view underlying_bars as "
            ~ bronze_bars(source('polygon', 'stocks_daily'), rebuilt)
        ) -%}
    {%- endif -%}
{% endmacro %}

{% macro spark_literals(view, columns, rows) %}
    {#- A view of literal rows. -#}
    {%- set values = "select * from values " ~ rows | join(', ') ~ " as t (" ~ columns.keys() | join(', ') ~ ")" -%}
    {%- do run_query(
        "create or replace temporary view " ~ view ~ " as " ~ (values if rows else no_rows(columns))
    ) -%}
{% endmacro %}
