{#- Expired options that `quantmini maintain archive` moved out of silver. A month of expiries is in silver or in one
    file of archive/expired_options, whole; the ledger lake.metadata.archived says which (lake/archive.py). -#}

{% macro archive_folder(dataset) %}
    {#- Within the lake. -#}
    {{- return('archive/expired_options/' ~ dataset ~ '/') -}}
{% endmacro %}

{% macro archived_file(dataset) %}
    {#- SQL of the path of an entry of the ledger. -#}
    {{- return(in_lake(archive_folder(dataset)) ~ ' || file') -}}
{% endmacro %}

{% macro has_archive(dataset) %}
    {#- Only a lake of one machine has one, and only once something was archived. -#}
    {%- set own = execute and target.type == 'duckdb' and target.name != 'shared' and dataset.startswith('options') -%}
    {{- return(own and load_relation(api.Relation.create('lake', 'metadata', 'archived')) is not none) -}}
{% endmacro %}

{% macro archived_now(dataset) %}
    {#- The condition on the ledger's entries whose rows are in the archive and not in silver. -#}
    dataset = {{ quoted(dataset) }} and restored is null
{% endmacro %}

{% macro archived_files(dataset) %}
    {#- The files of the archive that count; none on most lakes. -#}
    {%- if not has_archive(dataset) -%}{{ return([]) }}{%- endif -%}
    {%- set found = run_query(
        "select " ~ archived_file(dataset) ~ ", file in (select parse_filename(file) from glob("
        ~ in_lake(archive_folder(dataset) ~ '*.parquet') ~ ")) from lake.metadata.archived where "
        ~ archived_now(dataset) ~ " order by file"
    ) -%}
    {%- set files = [] -%}
    {%- for file, is_there in found.rows -%}
        {%- if not is_there -%}
            {% do exceptions.raise_compiler_error(
                file ~ ' is missing: put it back, or run `quantmini maintain rebuild`'
            ) %}
        {%- endif -%}
        {%- do files.append(file) -%}
    {%- endfor -%}
    {{- return(files) -}}
{% endmacro %}

{% macro parquet_rows(files) -%}
    read_parquet(
        [{% for file in files %}{{ quoted(file) }}{{ ', ' if not loop.last }}{% endfor %}],
        hive_partitioning = false, filename = true
    )
{%- endmacro %}

{% macro all_rows(relation) %}
    {#- The rows of a table of silver, those in the archive included. -#}
    {%- set files = archived_files(relation.identifier) -%}
    select * from {{ relation }}
    {%- if files %}
    union all by name
    select * exclude (filename) from {{ parquet_rows(files) }}
    {%- endif %}
{% endmacro %}

{% macro bring_back() %}
    {#- Move back to silver, before anything is staged, the months that this run touches: those with a row on a
        changed day, and those of contracts that a changed day or another answer of the reference now names. -#}
    {% set dataset = this.identifier %}
    {% set files = archived_files(dataset) %}
    {% if not files %}{{ return('') }}{% endif %}
    {% set days = run_query("select date::varchar, file from pending").rows %}
    {% set bronze = days | map(attribute=1) | select | list %}
    {% set sql %}
    select {{ archived_file(dataset) }} as file from lake.metadata.archived
    where {{ archived_now(dataset) }} and month in (
        select distinct date_trunc('month', {{ expiration('ticker') }})::date
        from (
            select ticker from changed_reference
            {%- if bronze %}
            union select ticker from {{ parquet_rows(bronze) }}
            {%- endif %}
        )
    )
    {%- if days %}
    union
    select distinct filename from {{ parquet_rows(files) }}
    where date in {{ dates(days | map(attribute=0) | list) }}
    {%- endif %}
    {% endset %}
    {% for file in run_query(sql).columns[0].values() %}
        {% do run_query(
            "begin; insert into " ~ this ~ " by name select * exclude (filename) from "
            ~ parquet_rows([file]) ~ "; "
            ~ record_restored(dataset, "file = parse_filename(" ~ quoted(file) ~ ")") ~ " commit;"
        ) %}
    {% endfor %}
{% endmacro %}

{% macro record_restored(dataset, condition='true') %}
    {#- Enter that rows of the archive are silver's again. Their files stay for the snapshots that show them. -#}
    update lake.metadata.archived set restored = now() where {{ archived_now(dataset) }} and {{ condition }};
{% endmacro %}
