{% test enough_instruments(model, dataset, share) %}
    {#- No changed day holds fewer than `share` of the mean instruments of its 20 days before. A day file
        has one row an instrument, so the footers' row counts tell. -#}
    with days as (
        select
            date,
            rows,
            avg(rows) over (order by date rows between 20 preceding and 1 preceding) as mean_rows
        from ({{ bronze_days(dataset) }})
    )

    select date, rows, mean_rows from days
    where rows < {{ share }} * mean_rows and date in (select date from {{ model }})
{% endtest %}
