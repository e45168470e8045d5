{% macro changed_dates(relation, gained=false) %}
    {#- The dates whose rows changed since the last publication, on demand only those that gained some; none where
        everything has to be looked at. -#}
    {{- return(adapter.dispatch('changed_dates')(relation, gained)) -}}
{% endmacro %}

{% macro default__changed_dates(relation, gained) %}
    {#- Asked once a table and run: every test of a table runs after its model, and wants the same. `graph` is what
        all nodes of a run have in common. -#}
    {%- set known = graph.setdefault('quantmini_changed_dates', {}) -%}
    {%- if relation.identifier not in known -%}
        {%- do known.update({relation.identifier: find_changed_dates(relation)}) -%}
    {%- endif -%}
    {%- set found = known[relation.identifier] -%}
    {%- if found is none -%}{{ return(none) }}{%- endif -%}
    {%- set wanted = [] -%}
    {%- for date, has_gained in found if has_gained or not gained -%}{%- do wanted.append(date) -%}{%- endfor -%}
    {{- return(wanted) -}}
{% endmacro %}

{% macro find_changed_dates(relation) %}
    {#- From the lake's own change feed: dates, and whether they gained rows or only lost some. -#}
    {%- set entry = published().get(relation.identifier) -%}
    {%- if not is_built(relation) -%}
        {%- if entry -%}
            {%- do exceptions.raise_compiler_error(
                relation.identifier ~ ' is published and not in the lake: `quantmini maintain rebuild`'
            ) -%}
        {%- endif -%}
        {{- return([]) -}}
    {%- endif -%}
    {%- if not entry or var('audit') == 'all' -%}{{ return(none) }}{%- endif -%}
    {%- set created = run_query(
        "select tables.begin_snapshot, count(*) filter (columns.column_name = 'date')"
        ~ " from __ducklake_metadata_lake.ducklake_table as tables"
        ~ " join __ducklake_metadata_lake.ducklake_column as columns using (table_id)"
        ~ " where tables.table_name = " ~ quoted(relation.identifier)
        ~ " and tables.end_snapshot is null and columns.end_snapshot is null group by all"
    ) -%}
    {%- set newest = run_query("select max(snapshot_id) from ducklake_snapshots('lake')").rows[0][0] | int -%}
    {#- A catalog that was made anew counts from the start, behind what is said to be published. -#}
    {%- if created.rows[0][0] | int > entry.snapshot or newest < entry.snapshot -%}{{ return(none) }}{%- endif -%}
    {#- Rows of reference models have no date; such a table changes by being made again. -#}
    {%- if newest <= entry.snapshot or not created.rows[0][1] -%}{{ return([]) }}{%- endif -%}
    {#- Maintenance drops old snapshots; where the feed cannot tell all any more, everything is looked at. -#}
    {%- set start = run_query("select feed_start('" ~ relation.identifier ~ "', " ~ entry.snapshot ~ ")").rows[0][0] -%}
    {%- if start is none -%}{{ return(none) }}{%- endif -%}
    {%- set found = run_query(
        "select date::varchar, bool_or(change_type in ('insert', 'update_postimage')) from ducklake_table_changes("
        ~ "'lake', 'silver', " ~ quoted(relation.identifier) ~ ", " ~ start ~ ", " ~ newest ~ ") group by all order by 1"
    ) -%}
    {#- A row without a date belongs nowhere, and has to be found by the tests of everything. -#}
    {%- if none in found.columns[0].values() -%}{{ return(none) }}{%- endif -%}
    {{- return(found.rows) -}}
{% endmacro %}

{% macro is_built(relation) %}
    {#- Whether the lake has this table, as dbt has listed it: a data set that nobody has fetched has none. -#}
    {{- return(load_relation(relation) is not none) -}}
{% endmacro %}

{% macro tested_columns() %}
    {#- The columns in the YAML of the model whose test this is. -#}
    {{- return(graph.nodes[model.attached_node].columns.values()) -}}
{% endmacro %}

{% macro get_where_subquery(relation) %}
    {#- dbt's hook for a test's `where`: our tests look at what came since the last publication, so that a gate
        costs what the new data costs. Rows that only went, as to the archive, break nothing that a test says of
        the others; `matches_bronze` misses them. `--vars 'audit: all'` looks at everything. A table that is not built
        yet has no rows, so that a literal `dbt test` goes through on a lake of some data sets. -#}
    {%- if config.get('where') != 'changed' -%}{{ return(default__get_where_subquery(relation)) }}{%- endif -%}
    {%- set changed = changed_dates(relation, gained=true) if execute else none -%}
    {%- if changed is none -%}{{ return(relation) }}{%- endif -%}
    {%- if changed == [] and not is_built(relation) -%}
        {%- set types = {} -%}
        {%- for column in tested_columns() -%}
            {%- do types.update({column.name: column.data_type}) -%}
        {%- endfor -%}
        {{- return('(' ~ no_rows(types) ~ ') as no_rows') -}}
    {%- endif -%}
    {%- set filter = 'date in ' ~ dates(changed) if changed else 'false' -%}
    {%- do return("(select * from " ~ relation ~ " where " ~ filter ~ ") as changed_rows") -%}
{% endmacro %}
