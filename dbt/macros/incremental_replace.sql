{# ---- Incremental strategy `replace` ----
   Deletes the rows of every key that the model's query returns, and inserts the query's rows that satisfy
   `meta.keep_if`. The key (`unique_key`) is a column or a list of columns. A key whose rows all went away (a movie that lost
   its last genre, a deleted movie) is returned once with NULLs: it clears the old rows and leaves none. dbt's own delete+insert
   would insert that row. #}
{% macro get_incremental_replace_sql(arguments) %}
    {{
        return(
            adapter.dispatch("replace_sql")(
                arguments.target_relation,
                arguments.temp_relation,
                [arguments.unique_key] if arguments.unique_key is string else arguments.unique_key,
                get_quoted_csv(arguments.dest_columns | map(attribute="name")),
                config.get("meta", {}).get("keep_if", "true"),
            )
        )
    }}
{% endmacro %}

{# dbt-duckdb runs a model's statements in one transaction. #}
{% macro default__replace_sql(target_relation, changes, keys, columns, keep_if) %}
    delete from {{ target_relation }}
    where ({{ keys | join(", ") }}) in (select {{ keys | join(", ") }} from {{ changes }})
    ;
insert into {{ target_relation }} ({{ columns }})
select {{ columns }} from {{ changes }} where {{ keep_if }};
{% endmacro %}

{# One statement, which is all or nothing by itself: when a statement within a transaction fails, dbt-snowflake leaves the
   transaction open, and the next model's DDL in that session would commit the deletion alone. Each key comes once as a
   row that matches what is there, and its rows come again as rows that match nothing.
   `changes` is a view (dbt_project.yml): the model's query is a part of this statement and read once. #}
{% macro snowflake__replace_sql(target_relation, changes, keys, columns, keep_if) %}
    {%- set key = keys | join(", ") -%}
merge into {{ target_relation }} as standing
using (
    select {{ columns }}, takes_out
    from {{ changes }}
    cross join (select true as takes_out union all select false as takes_out) as twice
    where takes_out or {{ keep_if }}
    qualify not takes_out or row_number() over (partition by {{ key }}, takes_out order by {{ key }}) = 1
) as changed
on {% for column in keys %} standing.{{ column }} = changed.{{ column }} and {% endfor %} changed.takes_out
when matched then delete
when not matched and not changed.takes_out then insert ({{ columns }}) values ({{ columns }})
{% endmacro %}
