{% test unique_key(model, columns) %}
    {#- No two rows share these columns, and none of them is null. -#}
    select {{ columns | join(', ') }}, count(*) as rows
    from {{ model }}
    where {{ suspected(model, columns) }}
    group by all
    having {{ broken_key(columns) }}
{% endtest %}
