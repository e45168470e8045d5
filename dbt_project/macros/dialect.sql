{#- What DuckDB and Spark say differently. Each formula stands once, in terms of these. -#}

{% macro spark__generate_database_name(custom_database_name=none, node=none) %}
    {#- `lake` and `memory` are databases of DuckDB; Spark has schemas only. -#}
    {{- return(none) -}}
{% endmacro %}

{% macro configured_settings() %}
    {#- The setting `features` as JSON: DuckDB's plugin reads it, Spark has only its variable. -#}
    {{- return(adapter.dispatch('configured_settings')()) -}}
{% endmacro %}

{% macro default__configured_settings() %}
    {{- return(run_query("select getvariable('features')").rows[0][0] or '{}') -}}
{% endmacro %}

{% macro spark__configured_settings() %}{{ return(env_var('QUANTMINI_FEATURES', '{}')) }}{% endmacro %}

{% macro mean_of_20(column, by) %}
    {#- The mean of a column of decimals over the last 20 rows of an instrument. -#}
    {{- return(adapter.dispatch('mean_of_20')(column, by)) -}}
{% endmacro %}

{% macro default__mean_of_20(column, by) -%}
    avg({{ column }}) over (partition by {{ by }} order by date rows between 19 preceding and current row)
{%- endmacro %}

{% macro spark__mean_of_20(column, by) -%}
    {#- Spark's avg of decimals is a decimal again, rounded after ten digits. -#}
    {%- set window = '(partition by ' ~ by ~ ' order by date rows between 19 preceding and current row)' -%}
    (sum({{ column }}) over {{ window }})::double / count({{ column }}) over {{ window }}
{%- endmacro %}

{% macro ordered_product(factor, by) %}{{ return(adapter.dispatch('ordered_product')(factor, by)) }}{% endmacro %}

{% macro default__ordered_product(factor, by) -%}
    product({{ factor }} order by {{ by }})
{%- endmacro %}

{% macro spark__ordered_product(factor, by) -%}
    aggregate(
        array_sort(collect_list(named_struct('place', {{ by }}, 'factor', {{ factor }}))),
        1::double, (total, this) -> total * this.factor
    )
{%- endmacro %}

{% macro shares_seen(volume, ratio) %}
    {#- The list of a window's volumes, each with what an old share became before it. -#}
    {{- return(adapter.dispatch('shares_seen')(volume, ratio)) -}}
{% endmacro %}

{% macro default__shares_seen(volume, ratio) -%}
    list(struct_pack(volume := {{ volume }}::double, ratio := {{ ratio }}::double))
{%- endmacro %}

{% macro spark__shares_seen(volume, ratio) -%}
    collect_list(named_struct('volume', {{ volume }}::double, 'ratio', {{ ratio }}::double))
{%- endmacro %}

{% macro carried_mean(seen) %}
    {#- Each sum so far is multiplied by the next row's ratio before its volume is added. -#}
    {{- return(adapter.dispatch('carried_mean')(seen)) -}}
{% endmacro %}

{% macro default__carried_mean(seen) -%}
    {#- An arrow, not the newer `lambda`, since sqlfluff does not know that. -#}
    list_reduce(
        {{ seen }},
        (total, this) -> struct_pack(volume := total.volume * this.ratio + this.volume, ratio := 1::double)
    ).volume / len({{ seen }})
{%- endmacro %}

{% macro spark__carried_mean(seen) -%}
    aggregate({{ seen }}, 0::double, (total, this) -> total * this.ratio + this.volume) / size({{ seen }})
{%- endmacro %}

{% macro holds_split(seen) %}
    {#- Whether there is a split after the first of those rows. -#}
    {{- return(adapter.dispatch('holds_split')(seen)) -}}
{% endmacro %}

{% macro default__holds_split(seen) -%}
    list_bool_or(list_transform({{ seen }}[2:], bar -> bar.ratio <> 1))
{%- endmacro %}

{% macro spark__holds_split(seen) -%}
    exists(slice({{ seen }}, 2, size({{ seen }})), bar -> bar.ratio <> 1)
{%- endmacro %}

{% macro last_known(expression) %}{{ return(adapter.dispatch('last_known')(expression)) }}{% endmacro %}

{% macro default__last_known(expression) -%}
    last_value({{ expression }} ignore nulls)
{%- endmacro %}

{% macro spark__last_known(expression) -%}
    last_value({{ expression }}) ignore nulls
{%- endmacro %}

{% macro minutes_between(earlier, later) %}{{ return(adapter.dispatch('minutes_between')(earlier, later)) }}{% endmacro %}

{% macro default__minutes_between(earlier, later) -%}
    (epoch({{ later }} - {{ earlier }}) / 60)
{%- endmacro %}

{% macro spark__minutes_between(earlier, later) -%}
    ((unix_micros({{ later }}) - unix_micros({{ earlier }})) / 6e7)
{%- endmacro %}

{% macro days_between(earlier, later) %}{{ return(adapter.dispatch('days_between')(earlier, later)) }}{% endmacro %}

{% macro default__days_between(earlier, later) -%}
    ({{ later }} - {{ earlier }})::integer
{%- endmacro %}

{% macro spark__days_between(earlier, later) -%}
    datediff({{ later }}, {{ earlier }})
{%- endmacro %}

{% macro new_york(date, time) %}
    {#- The moment of a time of day, such as 09:30, at the exchange. -#}
    {{- return(adapter.dispatch('new_york')(date, time)) -}}
{% endmacro %}

{% macro default__new_york(date, time) -%}
    timezone('America/New_York', {{ date }} + time '{{ time }}')
{%- endmacro %}

{% macro spark__new_york(date, time) -%}
    make_timestamp(
        year({{ date }}), month({{ date }}), day({{ date }}), {{ time[:2] | int }}, {{ time[3:] | int }}, 0,
        'America/New_York'
    )
{%- endmacro %}

{% macro ticker_slice(ticker, begin, end) %}
    {#- Characters of a ticker, counted from its end where negative, both ends included. -#}
    {{- return(adapter.dispatch('ticker_slice')(ticker, begin, end)) -}}
{% endmacro %}

{% macro default__ticker_slice(ticker, begin, end) -%}
    {{ ticker }}[{{ begin }}:{{ end }}]
{%- endmacro %}

{% macro spark__ticker_slice(ticker, begin, end) -%}
    {%- set length = end - begin + 1 if begin < 0 else 'length(' ~ ticker ~ ') - ' ~ (begin - end - 2) -%}
    substring({{ ticker }}, {{ begin }}, {{ length }})
{%- endmacro %}

{% macro date_of(digits) %}
    {#- The date of eight digits. -#}
    {{- return(adapter.dispatch('date_of')(digits)) -}}
{% endmacro %}

{% macro default__date_of(digits) -%}
    strptime({{ digits }}, '%Y%m%d')::date
{%- endmacro %}

{% macro spark__date_of(digits) -%}
    to_date({{ digits }}, 'yyyyMMdd')
{%- endmacro %}

{% macro by_date(key) %}
    {#- DuckLake sorts what it writes by itself; Spark is told to write one sorted file a date. -#}
    {{- return(adapter.dispatch('by_date')(key)) -}}
{% endmacro %}

{% macro default__by_date(key) %}{% endmacro %}

{% macro spark__by_date(key) %}distribute by date sort by date, {{ key }}{% endmacro %}
