{% macro broken_key(columns) -%}
    {#- What is wrong with a group of rows of one key. -#}
    count(*) > 1 or {{ columns | join(' is null or ') }} is null
{%- endmacro %}

{% macro suspected(model, columns) %}
    {#- The dates among which a key is broken: looked for in slices of dates, since the keys of a year of minutes do
        not fit into memory. A key with a time belongs to one date; one without is looked for in all rows. -#}
    {{- return(adapter.dispatch('suspected')(model, columns)) -}}
{% endmacro %}

{% macro default__suspected(model, columns) %}
    {%- if not execute or not ('date' in columns or 'ts' in columns) -%}{{ return('true') }}{%- endif -%}
    {%- set slices = run_query(
        "select min(date)::varchar, max(date)::varchar from ("
        ~ " select date, sum(count(*)) over (order by date) // getvariable('batch_rows') as slice"
        ~ " from " ~ model ~ " where date is not null group by date) group by slice"
    ).rows -%}
    {%- if slices | length < 2 -%}{{ return('true') }}{%- endif -%}
    {%- set found = ['date is null'] -%}
    {%- for first, last in slices -%}
        {%- set these = "date between date '" ~ first ~ "' and date '" ~ last ~ "'" -%}
        {%- set broken = "select count(*) from " ~ model ~ " where " ~ these ~ " group by " ~ columns | join(', ')
            ~ " having " ~ broken_key(columns) ~ " limit 1" -%}
        {%- if run_query(broken).rows -%}{%- do found.append(these) -%}{%- endif -%}
    {%- endfor -%}
    {{- return(found | join(' or ')) -}}
{% endmacro %}

{% macro spark__suspected(model, columns) %}
    {#- Spark cuts into partitions by itself. -#}
    {{- return('true') -}}
{% endmacro %}
