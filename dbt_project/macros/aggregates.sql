{#- Bars of longer spans. They run on the same batches and ledger as silver's own models: here a unit is a date or
    the first date of a week or month, and its version that of all its days in silver. -#}

{% macro aggregated() %}
    {#- What this model is made from, from its `meta`: {source, period}; none for the four data sets. -#}
    {{- return(model.config.get('meta', {}).get('aggregates')) -}}
{% endmacro %}

{% macro aggregated_units(source, period) %}
    {#- One row a unit of silver's days, as `bronze_days` has one a day. A split inside a week or month changes it. -#}
    select
        units.date,
        null::varchar as file,
        units.rows,
        md5(concat_ws(' ', units.versions, splits.versions)) as version
    from (
        select
            date_trunc('{{ period }}', days.date)::date as date,
            coalesce(sum(bronze.rows), 0)::bigint as rows,
            string_agg(days.version, ' ' order by days.date) as versions
        from {{ ledger(source) }} as days
        left join ({{ bronze_days(source) }}) as bronze using (date)
        group by all
    ) as units
    left join (
        select
            date_trunc('{{ period }}', ex_date)::date as date,
            string_agg(concat_ws(' ', symbol, ex_date, ratio), ' ' order by symbol, ex_date, ratio) as versions
        from ({{ applied_splits(source) }})
        where '{{ period }}' <> 'day'
        group by all
    ) as splits using (date)
{% endmacro %}

{% macro stage_aggregated(batch) %}
    {#- Temp view `source_bars`: the batch's rows of silver; temp table `splits`: those that silver is built with. -#}
    {% set source = aggregated().source %}
    {% set period = aggregated().period %}
    {% set units = pending_values('date', batch) %}
    {% set rows = 'false' %}
    {% if units %}
        {% set end = run_query("select (date '" ~ units[-1] ~ "' + interval 1 " ~ period ~ ")::date::varchar").rows[0][0] %}
        {% set rows = "date >= date '" ~ units[0] ~ "' and date < date '" ~ end
            ~ "' and date_trunc('" ~ period ~ "', date) in " ~ dates(units) %}
    {% endif %}
    {% do run_query("create or replace temp view source_bars as select * from ("
        ~ all_rows(api.Relation.create('lake', 'silver', source)) ~ ") where " ~ rows) %}
    {% do run_query("create or replace temp table splits as " ~ applied_splits(source)) %}
{% endmacro %}

{% macro applied_splits(source) %}
    {#- The splits that a data set of silver is built with: only day bars of stocks look any up. -#}
    {%- if source == 'stocks_daily' -%}
    select symbol, ex_date, ratio from {{ applied(source) }}
    {%- else -%}
    {{ no_rows({'symbol': 'varchar', 'ex_date': 'date', 'ratio': 'double'}) }}
    {%- endif -%}
{% endmacro %}

{% macro intraday_bars(minutes) %}
    {#- Bars of so many minutes by the clock, the sessions of a day together, as the vendor's own. -#}
    select
        symbol,
        time_bucket(interval '{{ minutes }} minutes', ts) as ts,
        date,
        arg_min(open, ts) as open,
        max(high) as high,
        min(low) as low,
        arg_max(close, ts) as close,
        sum(volume)::decimal(18, 6) as volume,
        sum(transactions)::bigint as transactions
    from bars
    group by all
{% endmacro %}

{% macro period_bars(key, period) %}
    {#- One bar a week (from Monday) or month, `date` its first day. The sums are exact, so no order matters. -#}
    select
        {{ key }},
        date_trunc('{{ period }}', date)::date as date,
        min(date) as first_date,
        max(date) as last_date,
        count(*)::integer as days,
        arg_min(open, date) as open,
        max(high) as high,
        min(low) as low,
        arg_max(close, date) as close,
        sum(volume)::decimal(18, 6) as volume,
        sum((close::double * volume::double)::hugeint)::decimal(38, 0) as dollar_volume,
        sum(transactions)::bigint as transactions
    from bars
    group by all
{% endmacro %}

{% macro on_last_basis(bars, period) %}
    {#- Bars of a week or month with a split in it, on the share basis of its last bar; the others as they are. A
        split after that bar is of no bar here: it may be announced only, or come when nobody trades. -#}
    with dated as (
        select
            *,
            max(date) over (partition by symbol, date_trunc('{{ period }}', date)) as last_date
        from {{ bars }}
    ),

    ratios as (
        {{ split_ratios('dated', after='dated.date', until='dated.last_date') }}
    )

    select
        {{ bars }}.* replace (
            {%- for price in ['open', 'high', 'low', 'close'] %}
            case
                when ratios.split_ratio is null then {{ bars }}.{{ price }}
                else ({{ bars }}.{{ price }} / ratios.split_ratio)::decimal(18, 6)
            end as {{ price }},
            {%- endfor %}
            case
                when ratios.split_ratio is null then {{ bars }}.volume
                else ({{ bars }}.volume * ratios.split_ratio)::decimal(18, 6)
            end as volume
        )
    from {{ bars }}
    left join ratios on {{ bars }}.symbol = ratios.symbol and {{ bars }}.date = ratios.date
{% endmacro %}
