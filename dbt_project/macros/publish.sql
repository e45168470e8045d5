{% macro published() %}
    {#- metadata/published.json as a dictionary, on a shared lake the table that stands for it; empty on a
        fresh lake. -#}
    {%- if target.name == 'shared' -%}
        {%- set entries = {} -%}
        {%- for row in run_query("select name, snapshot, run from " ~ published_table()).rows -%}
            {%- do entries.update({row[0]: {'snapshot': row[1] | int, 'run': row[2]}}) -%}
        {%- endfor -%}
        {{- return(entries) -}}
    {%- endif -%}
    {%- set path = in_lake('metadata/published.json') -%}
    {%- set found = run_query("select file from glob(" ~ path ~ ")") -%}
    {%- if not found.rows -%}{{ return({}) }}{%- endif -%}
    {{- return(fromjson(run_query("select content from read_text(" ~ path ~ ")").rows[0][0])) -}}
{% endmacro %}

{% macro published_table() %}
    {{- return('__ducklake_metadata_lake.quantmini_published') -}}
{% endmacro %}

{% macro passed(model, results) %}
    {#- Whether this invocation built `model` (or left it alone) and ran every one of its tests well. -#}
    {%- set status = {} -%}
    {%- for result in results -%}{%- do status.update({result.node.unique_id: result.status | string}) -%}{%- endfor -%}
    {%- set ns = namespace(passed=status.get(model.unique_id, 'success') == 'success') -%}
    {%- for node in graph.nodes.values() if node.resource_type == 'test' and model.unique_id in node.depends_on.nodes -%}
        {%- if status.get(node.unique_id) not in ['pass', 'warn'] -%}{%- set ns.passed = false -%}{%- endif -%}
    {%- endfor -%}
    {{- return(ns.passed) -}}
{% endmacro %}

{% macro publish(results) %}{{ return(adapter.dispatch('publish')(results)) }}{% endmacro %}

{% macro default__publish(results) %}
    {#- Write, audit, publish: a data set that changed, and whose model and tests all passed, moves to the
        newest snapshot; the others stay where they are. -#}
    {%- if execute and flags.WHICH in ['build', 'test'] %}
        {%- set moved = {} %}
        {%- set snapshot = run_query("select max(snapshot_id) from ducklake_snapshots('lake')").rows[0][0] %}
        {%- for model in graph.nodes.values() if model.resource_type == 'model' and 'silver' == model.schema %}
            {%- set relation = api.Relation.create(model.database, model.schema, model.name) %}
            {%- if passed(model, results) and changed_dates(relation) != [] %}
                {%- do moved.update({model.name: {'snapshot': snapshot | int, 'run': invocation_id}}) %}
            {%- endif %}
        {%- endfor %}
        {%- if moved %}{{ publish_shared(moved) if target.name == 'shared' else publish_file(moved) }}{% endif %}
    {%- endif %}
{% endmacro %}

{% macro publish_file(moved) %}
    {#- DuckDB writes a temporary file and renames it. -#}
    {%- set document = published() %}
    {%- do document.update(moved) %}
    copy (
        select
        {%- for name, entry in document.items() %}
            {snapshot: {{ entry.snapshot }}, run: '{{ entry.run }}'} as {{ name }}{{ ',' if not loop.last }}
        {%- endfor %}
    ) to {{ in_lake('metadata/published.json') }} (format json, use_tmp_file true)
{% endmacro %}

{% macro publish_shared(moved) %}
    {#- One statement of PostgreSQL, so all of them move at once. -#}
    {%- set rows = [] %}
    {%- for name, entry in moved.items() %}
        {%- do rows.append("('" ~ name ~ "', " ~ entry.snapshot ~ ", '" ~ entry.run ~ "')") %}
    {%- endfor %}
    call postgres_execute('__ducklake_metadata_lake', {{ quoted(
        "insert into quantmini_published (name, snapshot, run) values " ~ rows | join(', ')
        ~ " on conflict (name) do update set snapshot = excluded.snapshot, run = excluded.run"
    ) }})
{% endmacro %}

{% macro keep_failures(results) %}{{ return(adapter.dispatch('keep_failures')(results)) }}{% endmacro %}

{% macro default__keep_failures(results) %}
    {#- The rows that failed a test, for whoever looks into it: logs/errors/<run>-<test>.parquet. -#}
    {%- if execute %}
    {%- for result in results if result.node.resource_type == 'test' and result.failures %}
    copy ({{ result.node.compiled_code }})
    to {{ in_lake('logs/errors/' ~ invocation_id ~ '-' ~ result.node.name ~ '.parquet') }}
    (format parquet);
    {%- endfor %}
    {%- endif %}
{% endmacro %}
