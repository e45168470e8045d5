{% macro generate_schema_name(custom_schema_name, node) -%}
    {#- The schemas are `silver`, `metadata` and `staging` as they stand, without the target's prefix. -#}
    {{ custom_schema_name or target.schema }}
{%- endmacro %}
