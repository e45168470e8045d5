{% test matches_bronze(model, dataset) %}
    {#- Every bronze day is in silver, or in its archive, with the same number of rows, and silver has no other
        day. Bronze counts come from the files' footers. `model`, whose test this is, has silver's part alone.
        A data set that is not built yet is none that could differ. -#}
    {%- set changed = changed_dates(ref(dataset)) if execute else none %}
    {%- set inside = 'true' if changed is none else 'date in ' ~ dates(changed) if changed else 'false' %}
    {%- if changed == [] and not is_built(ref(dataset)) %}
    {{ no_rows({'date': 'date', 'bronze_rows': 'bigint', 'silver_rows': 'bigint'}) }}
    {%- else %}
    with bronze as (
        select date, rows from ({{ bronze_days(dataset) }}) as days where {{ inside }}
    ),

    silver as (
        select date, count(*) as rows from ({{ all_rows(ref(dataset)) }}) as kept where {{ inside }} group by date
    ),

    ledger as (
        select date from {{ ledger(dataset) }}
    ),

    missing as (
        select date from ({{ bronze_days(dataset) }}) where date not in (select date from ledger)
    )

    select date, coalesce(bronze.rows, 0) as bronze_rows, coalesce(silver.rows, 0) as silver_rows
    from bronze full join silver using (date)
    where coalesce(bronze.rows, 0) <> coalesce(silver.rows, 0)
    union all
    select date, null, null from missing
    {%- endif %}
{% endtest %}
