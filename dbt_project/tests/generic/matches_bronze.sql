{% test matches_bronze(model, dataset) %}
    {#- Every bronze day is in silver with the same number of rows, and silver has no other day.
        Bronze counts come from the files' footers; silver's days from the rows under test, and from the
        archive's. -#}
    with bronze as (
        select days.date, days.rows
        from ({{ bronze_days(dataset) }}) as days
        {%- set changed = changed_dates(ref(dataset)) if execute else none %}
        {%- if changed is not none %}
        where {{ 'days.date in ' ~ dates(changed) if changed else 'false' }}
        {%- endif %}
    ),

    silver as (
        select date, count(*) as rows from (
            select date from {{ model }}
            {%- set archived = archived_files(dataset) %}
            {%- if archived and changed != [] %}
            union all
            select date from {{ parquet_rows(archived) }}
            {{ "where date in " ~ dates(changed) if changed }}
            {%- endif %}
        ) as kept
        group by date
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
{% endtest %}
