{% test no_missing_session(model, dataset) %}
    {#- Every session of the exchange between the first and the last bronze day has one. It looks at all
        days, which costs nothing: dates are in the file names. `model` says whose test this is. -#}
    with days as (
        select date from ({{ bronze_days(dataset) }})
    )

    select sessions.date from {{ source('exchange', 'sessions') }} as sessions
    where
        sessions.date between (select min(date) from days) and (select max(date) from days)
        and sessions.date not in (select date from days)
{% endtest %}
