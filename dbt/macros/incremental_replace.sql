{# ---- Incremental strategy `replace` ----
   Deletes the rows of every key that the model's query returns, and inserts the query's rows that satisfy
   `meta.keep_if`. A key whose rows all went away (a movie that lost its last genre, a deleted movie) is returned once
   with NULLs: it clears the old rows and leaves none. dbt's own delete+insert would insert that row. #}
{% macro get_incremental_replace_sql(arguments) %}
    {{
        return(
            adapter.dispatch("replace_sql")(
                arguments.target_relation,
                arguments.temp_relation,
                arguments.unique_key,
                get_quoted_csv(arguments.dest_columns | map(attribute="name")),
                config.get("meta", {}).get("keep_if", "true"),
            )
        )
    }}
{% endmacro %}

{# dbt-duckdb runs a model's statements in one transaction. #}
{% macro default__replace_sql(target_relation, changes, key, columns, keep_if) %}
    delete from {{ target_relation }}
    where {{ key }} in (select {{ key }} from {{ changes }})
    ;
insert into {{ target_relation }} ({{ columns }})
select {{ columns }} from {{ changes }} where {{ keep_if }};
{% endmacro %}

{% macro snowflake__replace_sql(target_relation, changes, key, columns, keep_if) %}
    {% set statements = default__replace_sql(target_relation, changes, key, columns, keep_if) %}
    {{ return(snowflake_dml_explicit_transaction(statements)) }}
{% endmacro %}
