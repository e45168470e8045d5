{% macro in_lake(path) %}
    {#- SQL of a path in the lake. Its folder is a variable that our plugin sets: what dbt has parsed fits any lake. -#}
    {{- return("(getvariable('lake') || " ~ quoted('/' ~ path) ~ ")") -}}
{% endmacro %}

{% macro external_location(relation, config) %}
    {#- Where dbt-duckdb writes an external model: it pastes this between quotes. -#}
    {%- set path = 'metadata/' ~ config.get('meta')['asset'] ~ '/' ~ relation.identifier ~ '.parquet' -%}
    {{- return(run_query("select " ~ in_lake(path)).rows[0][0].replace("'", "''")) -}}
{% endmacro %}
