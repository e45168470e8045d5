{% test finite_features(model) %}
    {#- No feature is NaN or infinite; null is neither. The columns are those that the model's YAML marks. -#}
    select * from {{ model }}
    where
        false
        {%- for column in (tested_columns() if execute else []) if column.meta.get('feature') %}
        or not coalesce(abs({{ column.name }}) < 'infinity'::double, true)
        {%- endfor %}
{% endtest %}
