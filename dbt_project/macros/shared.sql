{#- A shared lake (docs/scaling.md): silver is everyone's, bronze each machine's own. What one machine lacks looks
    like what the vendor took back, and would be dropped from silver. -#}

{% macro refuse_to_forget() %}
    {#- An error where this machine lacks bronze days that its data set in silver has. Moneyness reads the day
        bars of stocks, so options need those of their days too. -#}
    {% set watched = target.name == 'shared' and var('missing_bronze') != 'forget' %}
    {% if not watched or aggregated() %}{{ return('') }}{% endif %}
    {% set dataset = this.identifier %}
    {% do refuse_missing_days(dataset, "true") %}
    {% if dataset == 'options_daily' and load_relation(api.Relation.create('lake', 'silver', 'stocks_daily')) %}
        {% do refuse_missing_days('stocks_daily', "date in (select date from (" ~ bronze_days(dataset) ~ "))") %}
    {% endif %}
{% endmacro %}

{% macro refuse_missing_days(needed, condition) %}
    {% set found = run_query(
        "select count(*), min(date)::varchar, max(date)::varchar from " ~ ledger(needed)
        ~ " where date not in (select date from (" ~ bronze_days(needed) ~ ")) and " ~ condition
    ).rows[0] %}
    {% if found[0] %}
        {% set range = '--start ' ~ found[1] ~ ' --end ' ~ found[2] %}
        {% do exceptions.raise_compiler_error(
            'silver has days of ' ~ needed ~ ' that bronze on this machine lacks (' ~ found[0] ~ ') and would forget:'
            ~ ' fetch them here with `quantmini ingest ' ~ needed ~ ' ' ~ range ~ '`, or run '
            ~ this.identifier ~ ' on the machine that has them. Days that shall leave silver do so with `dbt build'
            ~ ' --target shared --select @' ~ this.identifier ~ ' --vars "missing_bronze: forget"`'
        ) %}
    {% endif %}
{% endmacro %}

{% macro refuse_without_reference(known) %}
    {#- An error where `known`, a table, holds what came from the reference and this machine never synced it. -#}
    {% if not execute or target.name != 'shared' %}{{ return('select 1') }}{% endif %}
    {% set files = "from glob(" ~ in_lake('bronze/reference/*/*.parquet') ~ ") limit 1" %}
    {% if not run_query(files).rows and run_query("select 1 from " ~ known ~ " limit 1").rows %}
        {% do exceptions.raise_compiler_error(
            'silver was built with reference data, which this machine lacks: `quantmini reference sync` here first'
        ) %}
    {% endif %}
    {{- return('select 1') -}}
{% endmacro %}
