{% test holds(model, expression) %}
    {#- The expression is true on every row; null counts as a failure. -#}
    select * from {{ model }}
    where ({{ expression }}) is not true
{% endtest %}
