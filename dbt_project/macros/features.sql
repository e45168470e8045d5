{#- One macro a formula that two models share or that deserves its name. docs/features.md explains all. -#}

{% macro configured_features() %}
    {#- The features of this model to compute: the settings' list, or all that its YAML marks as features. -#}
    {%- set known = [] -%}
    {%- for column in model.columns.values() if column.meta.get('feature') -%}
        {%- do known.append(column.name) -%}
    {%- endfor -%}
    {%- set settings = fromjson(configured_settings()) -%}
    {%- set wanted = settings.get(model.name, known) -%}
    {%- for name in wanted if name not in known -%}
        {%- do exceptions.raise_compiler_error(
            'features.' ~ model.name ~ ': unknown feature ' ~ name ~ '; known: ' ~ known | join(', ')
        ) -%}
    {%- endfor -%}
    {{- return(wanted) -}}
{% endmacro %}

{% macro feature(name, expression) -%}
    {#- A column of a feature; null, and not computed, where the settings leave it out. -#}
    {%- set in_table = execute and model.resource_type != 'unit_test' -%}
    {%- if in_table and not model.columns.get(name, {}).get('meta', {}).get('feature') -%}
        {%- do exceptions.raise_compiler_error(
            name ~ ' is no column with meta.feature in ' ~ model.name ~ '.yml; docs/features.md says how to add one'
        ) -%}
    {%- endif -%}
    {%- if not in_table or name in configured_features() -%}
    {{ expression }} as {{ name }}
    {%- else -%}
    null::{{ model.columns[name].data_type }} as {{ name }}
    {%- endif -%}
{%- endmacro %}

{% macro log_decline(close, previous_close) -%}
    {#- Subtracted from 0: the negative of an unchanged close would print as -0. -#}
    0 - ln({{ close }}::double / ({{ previous_close }}))
{%- endmacro %}

{% macro split_ratios(bars, after, until) -%}
    {#- The rows with a split after one date and until another, and how many new shares an old one became. -#}
    select
        {{ bars }}.symbol,
        {{ bars }}.date,
        {{ ordered_product('splits.ratio', by='splits.ex_date') }} as split_ratio
    from {{ bars }}
    inner join splits
        on {{ bars }}.symbol = splits.symbol
        and {{ after }} < splits.ex_date and splits.ex_date <= {{ until }}
    group by {{ bars }}.symbol, {{ bars }}.date
{%- endmacro %}

{% macro rebased_means(bars) -%}
    {#- The mean volume of rows whose window holds a split after its first row, all on the basis of the last
        row's shares. The other rows have no entry: theirs is the exact mean of decimals. -#}
    select
        symbol,
        date,
        {{ carried_mean('seen') }} as mean_volume
    from (
        select
            symbol,
            date,
            {{ shares_seen('volume', 'split_ratio') }} over last_20 as seen
        from {{ bars }}
        where symbol in (select splitting.symbol from {{ bars }} as splitting where splitting.split_ratio <> 1)
        window last_20 as (partition by symbol order by date rows between 19 preceding and current row)
    )
    where {{ holds_split('seen') }}
{%- endmacro %}

{% macro bar_return(close, open) -%}
    {{ close }}::double / {{ open }}::double - 1
{%- endmacro %}

{% macro relative_volume(volume, mean_volume) -%}
    {{ volume }}::double / nullif({{ mean_volume }}, 0)
{%- endmacro %}

{% macro dividend_factor(cash_amount, previous_close) -%}
    {#- What is left of the price when the cash has gone. More cash than price (a mistake, or a liquidation) would
        turn prices negative: it is left out. -#}
    case when {{ cash_amount }} < {{ previous_close }} then 1 - {{ cash_amount }} / ({{ previous_close }}) else 1 end
{%- endmacro %}

{% macro velocity(bars) -%}
    ({{ bars }}.close - {{ bars }}.previous_close)::double / {{ minutes_between(bars ~ '.previous_ts', bars ~ '.ts') }}
{%- endmacro %}

{% macro signed_share(bars, window) -%}
    (sum({{ bars }}.signed_volume) over {{ window }})::double
    / nullif((sum({{ bars }}.volume) over {{ window }})::double, 0)
{%- endmacro %}

{% macro trading_session(date, ts) -%}
    {#- A date that the exchange calendar does not know keeps the ordinary hours. -#}
    case
        when {{ ts }} < coalesce(sessions.open, {{ new_york(date, '09:30') }})
            then 'pre'
        when {{ ts }} < coalesce(sessions.close, {{ new_york(date, '16:00') }})
            then 'regular'
        else 'post'
    end
{%- endmacro %}

{% macro moneyness(underlying_close) -%}
    {#- An adjusted root delivers something other than 100 shares, so no ratio says how far it is in the money. -#}
    case
        when contracts.is_adjusted then null
        when contracts.contract_type = 'call'
            then {{ underlying_close }}::double / nullif(contracts.strike_price, 0)
        else contracts.strike_price / {{ underlying_close }}::double
    end
{%- endmacro %}

{% macro corwin_schultz(bars) -%}
    {#- Corwin and Schultz (2012), "A Simple Way to Estimate Bid-Ask Spreads from Daily High and Low
        Prices": beta sums the squared log ranges of two bars, gamma is that of both together. -#}
    {%- set beta -%}
    pow(ln({{ bars }}.high::double / {{ bars }}.low::double), 2)
    + pow(ln({{ bars }}.previous_high::double / {{ bars }}.previous_low::double), 2)
    {%- endset -%}
    {%- set gamma -%}
    pow(ln(
        greatest({{ bars }}.high, {{ bars }}.previous_high)::double
        / least({{ bars }}.low, {{ bars }}.previous_low)::double
    ), 2)
    {%- endset -%}
    {%- set alpha -%}
    (sqrt(2 * ({{ beta }})) - sqrt({{ beta }})) / (3 - 2 * sqrt(2)) - sqrt(({{ gamma }}) / (3 - 2 * sqrt(2)))
    {%- endset -%}
    case
        when {{ bars }}.previous_high is not null
            then greatest(0, 2 * (exp({{ alpha }}) - 1) / (1 + exp({{ alpha }})))
    end
{%- endmacro %}

{% macro expiration(ticker) -%}
    {{ date_of("'20' || " ~ ticker_slice(ticker, -15, -10)) }}
{%- endmacro %}

{% macro option_contracts(bars) -%}
    {#- The contract's facts, read from the right of its ticker: 8 digits of strike times 1000, C or P,
        YYMMDD; the rest after `O:` is the root. One row a contract. -#}
    select
        parsed.ticker,
        parsed.root,
        parsed.expiration_date,
        parsed.contract_type,
        parsed.strike_price,
        coalesce(underlyings.underlying, option_roots.underlying, parsed.plain_root) as underlying,
        parsed.root not in (parsed.plain_root, coalesce(underlyings.underlying, '')) as is_adjusted
    from (
        select
            ticker,
            {{ ticker_slice('ticker', 3, -16) }} as root,
            {{ plain_root('ticker') }} as plain_root,
            {{ expiration('ticker') }} as expiration_date,
            case {{ ticker_slice('ticker', -9, -9) }} when 'C' then 'call' else 'put' end as contract_type,
            ({{ ticker_slice('ticker', -8, -1) }}::bigint * 0.001)::decimal(9, 3) as strike_price
        from (select distinct ticker from {{ bars }})
    ) as parsed
    left join {{ ref('option_roots') }} as option_roots on parsed.plain_root = option_roots.root
    left join underlyings on parsed.ticker = underlyings.ticker
{%- endmacro %}
