{#- The incremental engine. dbt's own `incremental` materialization inserts the first batch; the hooks
    here stage it, delete what it replaces and record it, all in dbt's transaction, then repeat that for
    the remaining batches. The model itself stays a pure formula over the temp table `bars`. -#}

{% macro start_batches() %}{{ return(adapter.dispatch('start_batches')()) }}{% endmacro %}

{% macro default__start_batches() %}
    {%- if execute %}
    {%- do create_ledgers() %}
    {%- do refuse_to_forget() %}
    {%- do find_pending(this.identifier, is_incremental()) %}
    {%- do stage_reference(is_incremental()) %}
    {%- if is_incremental() %}{% do bring_back() %}{% endif %}
    {%- do stage(0, is_incremental()) %}
    {{ delete_replaced(0) if is_incremental() else 'select 1' }}
    {%- endif %}
{% endmacro %}

{% macro staged(table, relation) %}
    {#- The temp table that holds this batch of `relation`; in a unit test, the given rows. -#}
    {{- return(relation if relation.identifier.startswith('__dbt__cte__') else table) -}}
{% endmacro %}

{% macro stage(batch, known) %}
    {#- Temp table `bars`: the batch's bronze rows, and for day bars their neighbours from silver. -#}
    {% if aggregated() %}{{ return(stage_aggregated(batch)) }}{% endif %}
    {% set dataset = this.identifier %}
    {% do run_query(
        "create or replace temp table bars as select *, false as is_context from ("
        ~ bronze_bars(source('polygon', dataset), pending_values('file', batch)) ~ ")"
    ) %}
    {% if dataset.endswith('daily') and known %}
        {% do add_neighbours(instrument(dataset), pending_values('date', batch)) %}
    {% endif %}
    {% if dataset == 'options_daily' %}{% do stage_underlyings() %}{% endif %}
{% endmacro %}

{% macro dates(values) %}
    {#- Literal dates: with them DuckLake prunes files. -#}
    {{- return("(date '" ~ values | join("', date '") ~ "')") -}}
{% endmacro %}

{% macro delete_replaced(batch) %}
    {#- The silver rows that this batch rebuilds: its days, and later rows staged with it. -#}
    {%- set days = pending_values('date', batch) -%}
    {%- if days %}
    delete from {{ this }} where date in {{ dates(days) }};
    {{ delete_staged("date > date '" ~ days[-1] ~ "'") if not aggregated() }}
    {%- else %}
    select 1;
    {%- endif %}
{% endmacro %}

{% macro delete_staged(condition) %}
    {#- The silver rows that are staged to be rebuilt and meet the condition. -#}
    {%- set key = instrument(this.identifier) %}
    {%- set bounds = run_query(
        "select min(date)::varchar, max(date)::varchar from bars where not is_context and " ~ condition
    ).rows[0] %}
    {%- if bounds[0] %}
    delete from {{ this }} where date between date '{{ bounds[0] }}' and date '{{ bounds[1] }}'
        and ({{ key }}, date) in (select ({{ key }}, date) from bars where not is_context);
    {%- endif %}
{% endmacro %}

{% macro record_batch(batch, known=none) %}{{ return(adapter.dispatch('record_batch')(batch, known)) }}{% endmacro %}

{% macro default__record_batch(batch, known=none) %}
    {#- Enter the batch into the ledger; a start from nothing clears the old entries. -#}
    {%- if execute %}
    {%- set days = pending_values('date', batch) %}
    {%- if not (is_incremental() if known is none else known) %}
    delete from {{ ledger(this.identifier) }};
    {{ record_reference() }}
    {{ record_restored(this.identifier) if has_archive(this.identifier) }}
    {%- elif days %}
    delete from {{ ledger(this.identifier) }} where date in {{ dates(days) }};
    {%- endif %}
    insert into {{ ledger(this.identifier) }}
    select date, version from pending
    where batch = {{ batch }} and version is not null;
    {%- endif %}
{% endmacro %}

{% macro build_remaining_batches() %}{{ return(adapter.dispatch('build_remaining_batches')()) }}{% endmacro %}

{% macro default__build_remaining_batches() %}
    {%- if execute %}
    {%- set last = run_query("select coalesce(max(batch), 0) from pending").rows[0][0] | int %}
    {%- for batch in range(1, last + 1) %}
        {%- do stage(batch, true) %}
        {%- do build_staged(delete_replaced(batch), record_batch(batch, true)) %}
    {%- endfor %}
    {%- if reference_has_changed() %}
        {%- do stage_restated() %}
        {%- do build_staged(delete_staged('true'), record_reference()) %}
    {%- endif %}
    {%- endif %}
{% endmacro %}

{% macro build_staged(delete, record) %}
    {#- What dbt does with the first batch, with another one: replace and enter it in one transaction. -#}
    {%- do run_query(
        "begin; " ~ delete ~ " insert into " ~ this ~ " by name (" ~ model.compiled_code ~ "); " ~ record ~ " commit;"
    ) %}
{% endmacro %}
