{% macro bar_columns(key) %}
    {#- The raw columns, which silver gives back to its own models. -#}
    {{- return([key, 'date', 'ts', 'open', 'high', 'low', 'close', 'volume', 'transactions'] | join(', ')) -}}
{% endmacro %}

{% macro add_neighbours(key, days) %}
    {#- Day features look back over 20 rows of their instrument. Add to `bars`, for every instrument that
        has or had a row in the batch, the 20 rows before it as context, and the 19 rows after it, which
        see it in their windows and are rebuilt too. -#}
    {% set columns = bar_columns(key) %}
    {% if not days %}{{ return('') }}{% endif %}
    {% do run_query(
        "create or replace temp table touched as select distinct " ~ key ~ " from bars union select distinct "
        ~ key ~ " from " ~ this ~ " where date in " ~ dates(days)
    ) %}
    {% for side in [
        {'rows': 20, 'context': 'true', 'order': 'desc', 'test': '<', 'edge': days[0], 'sign': '-'},
        {'rows': 19, 'context': 'false', 'order': 'asc', 'test': '>', 'edge': days[-1], 'sign': '+'},
    ] %}
        {% set edge = "date '" ~ side.edge ~ "'" %}
        {% set near = "(" ~ edge ~ " " ~ side.sign ~ " interval 45 days)::date" %}
        {% set near = "date '" ~ run_query("select " ~ near ~ "::varchar").rows[0][0] ~ "'" %}
        {% set inside = '>=' if side.test == '<' else '<=' %}
        {#- Near the batch first: reading all history for each new day would not be flat. -#}
        {% do run_query(
            "insert into bars select " ~ columns ~ ", " ~ side.context ~ " from " ~ this
            ~ " where date " ~ side.test ~ " " ~ edge ~ " and date " ~ inside ~ " " ~ near
            ~ " and " ~ key ~ " in (from touched)"
            ~ " qualify row_number() over (partition by " ~ key ~ " order by date " ~ side.order ~ ") <= " ~ side.rows
        ) %}
        {% do run_query(
            "insert into bars select " ~ columns ~ ", " ~ side.context ~ " from " ~ this
            ~ " where date " ~ side.test ~ " " ~ edge ~ " and not date " ~ inside ~ " " ~ near
            ~ " and " ~ key ~ " in (select " ~ key ~ " from touched left join bars using (" ~ key ~ ")"
            ~ " group by " ~ key ~ " having count(*) filter (date " ~ side.test ~ " " ~ edge ~ ") < " ~ side.rows ~ ")"
            ~ " qualify row_number() over (partition by " ~ key ~ " order by date " ~ side.order ~ ") <= " ~ side.rows
        ) %}
    {% endfor %}
{% endmacro %}

{% macro stage_underlyings() %}
    {#- Temp table `underlying_bars`: the stocks' day bars of the dates that are staged. -#}
    {% set wanted = run_query("select distinct date::varchar from bars").columns[0].values() | list %}
    {% set files = [] %}
    {% for file in bronze_files('stocks_daily') if file[-18:-8] in wanted %}{% do files.append(file) %}{% endfor %}
    {% do run_query("create or replace temp table underlying_bars as " ~ bronze_bars(source('polygon', 'stocks_daily'), files)) %}
{% endmacro %}
