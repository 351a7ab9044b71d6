{# ---- Whether GOLD is consistent: gold.build_state, on Snowflake ----
   Readers of DuckDB have a copy that is published after each build. On Snowflake, analysts read the tables that a run of dbt
   is changing, one after the other, and may read nothing but GOLD. The only row of this table says which run began last and
   which complete build succeeded last: GOLD is consistent while both are the same. If the last run succeeded, but was no
   complete build, `partial_seq` has its number. The dashboard relies on it. The columns that it reads are numbers, because
   Snowflake knows their maximum without a virtual warehouse. #}
{% macro tracks_build_state() %}
    {%- set gold = [] -%}
    {%- for id in selected_resources if id in graph.nodes and graph.nodes[id].resource_type == "model" -%}
        {%- if graph.nodes[id].config.schema == "gold" -%} {%- do gold.append(id) -%} {%- endif -%}
    {%- endfor -%}
    {{ return(target.type == "snowflake" and flags.WHICH in ("run", "build") and gold | length > 0) }}
{% endmacro %}

{# The end is written with the outcome of the run, unless another run has begun since (transform/dbt/run-log.ts). The start is an UPDATE, so if two runs begin at the same time, one waits for the other. #}
{% macro mark_build_started() %}
create table if not exists gold.build_state (
    started_seq bigint not null,
    finished_seq bigint not null,
    finished_ms bigint not null,
    started_by varchar not null
)
    ;
alter table gold.build_state add column if not exists partial_seq bigint
    ;
insert into gold.build_state (started_seq, finished_seq, finished_ms, started_by)
select 0, 0, 0, '' where not exists (select 1 from gold.build_state)
    ;
update gold.build_state
set started_seq = started_seq + 1, started_by = '{{ invocation_id }}'
{% endmacro %}
