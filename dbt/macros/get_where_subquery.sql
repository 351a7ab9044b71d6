{# ---- Tests check only changed rows ----
   A test with `where: movie_id in __changed_movies__` looks at the movies that changed since the last complete build that
   succeeded, and one with `batch_id in __new_batches__` at the batches sealed since; all other rows passed the same test before.
   So a failing row keeps failing, and the tests' cost follows the changes. `dbt test` and a full refresh look at every row. This
   replaces dbt's own macro, which only inlines `where`: a test's configuration cannot call a macro, and dbt documents this one as
   the place to replace a word in it. #}
{% macro get_where_subquery(relation) -%}
    {%- set where = config.get("where") -%}
    {%- set is_partial = flags.WHICH == "build" and not flags.FULL_REFRESH -%}
    {%- if where and "__changed_movies__" in where -%}
        {%- set where = where | replace("__changed_movies__", changed_movies()) if is_partial else none -%}
    {%- elif where and "__new_batches__" in where -%}
        {%- set where = where | replace("__new_batches__", new_batches()) if is_partial else none -%}
    {%- endif -%}
    {%- if where -%} (select * from {{ relation }} where {{ where }}) as dbt_subquery
    {%- else -%} {{ relation }}
    {%- endif -%}
{%- endmacro %}

{% macro changed_movies() -%}
    {%- set silver_movies = api.Relation.create(
        database=target.database, schema="silver", identifier="silver_movies"
    ) -%}
    (select movie_id from {{ silver_movies }} where _run_seq > {{ tested_run_seq() }})
{%- endmacro %}

{% macro new_batches() -%}
    (select batch_id from {{ run_log("sealed_batches") }} where run_seq > {{ tested_run_seq() }})
{%- endmacro %}

{# The highest run sequence of the last complete build that succeeded. On DuckDB it is a literal number: with a subquery, DuckDB
   expects half of all movies and joins accordingly. Snowflake decides at run time, and does not need an extra query for each
   test. #}
{% macro tested_run_seq() -%}
    {%- set tested_up_to %}
        select coalesce(max(run_seq), 0) as run_seq
        from {{ run_log("dbt_runs") }}
        where is_complete and status = 'success'
    {%- endset -%}
    {%- if target.type == "snowflake" or not execute -%} ({{ tested_up_to }})
    {%- else -%} {{ run_query(tested_up_to).columns[0].values()[0] }}
    {%- endif -%}
{%- endmacro %}
