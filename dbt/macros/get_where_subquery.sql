{# ---- Tests look at what changed ----
   A test with `where: movie_id in __changed_movies__` looks at the movies that changed since the last complete build that
   succeeded; all other rows passed the same test before. So a failing row keeps failing, and the tests' cost follows the
   changes. `dbt test` and a full refresh look at every row. (dbt's own macro, which this replaces, only inlines `where`.) #}
{% macro get_where_subquery(relation) -%}
    {%- set where = config.get("where") -%}
    {%- if where and "__changed_movies__" in where -%}
        {%- set is_partial = flags.WHICH == "build" and not flags.FULL_REFRESH -%}
        {%- set where = where | replace("__changed_movies__", changed_movies()) if is_partial else none -%}
    {%- endif -%}
    {%- if where -%} (select * from {{ relation }} where {{ where }}) as dbt_subquery
    {%- else -%} {{ relation }}
    {%- endif -%}
{%- endmacro %}

{% macro changed_movies() -%}
    (
        select movie_id
        from {{ target.database }}.silver.silver_movies
        where
            _run_seq
            > (select coalesce(max(run_seq), 0) from {{ run_log("dbt_runs") }} where is_complete and status = 'success')
    )
{%- endmacro %}
