{% test unique_key(model, columns) %}
    {#- No two rows share these columns, and none of them is null. -#}
    select {{ columns | join(', ') }}, count(*) as rows
    from {{ model }}
    group by all
    having count(*) > 1 or {{ columns | join(' is null or ') }} is null
{% endtest %}
