{# ---- The log of dbt's runs, including those started by hand ----
   One hook at each end with several statements in it: what a hook costs is dbt's work around it. #}
{% macro start_run() %}
    {% if execute %} {{ refuse_partial_movies() }} {% endif %}
    {% if execute and flags.WHICH in ("run", "build", "test") %}
        {{ create_sealed_batches() }}
        ;
        {{ create_dbt_runs() }}
        ;
        {{ create_dbt_results() }}
        ;
        {{ seal_batches() }}
        {% if tracks_build_state() %}
            ;
            {{ mark_build_started() }}
        {% endif %}
    {% endif %}
{% endmacro %}

{% macro end_run(results) %}
    {% if execute and flags.WHICH in ("run", "build", "test") %}
        {% if results %}
            {{ record_results(results) }}
            ;
        {% endif %}
        {{ record_run(results) }}
        ;
        {{ forget_results() }}
        ;
        {{ forget_runs() }}
        {% if tracks_build_state() and status_of(results) == "success" %}
            ;
            {{ mark_build_finished() }}
        {% endif %}
    {% endif %}
{% endmacro %}

{% macro create_dbt_runs() %}
create table if not exists {{ run_log("dbt_runs") }} (
    invocation_id varchar not null,
    command varchar not null,
    is_complete boolean not null,
    is_full_refresh boolean not null,
    status varchar not null,
    models_status varchar not null,
    run_seq bigint,
    project_fingerprint varchar,
    started_at {{ timestamp_type() }} not null,
    finished_at {{ timestamp_type() }} not null
)
{% endmacro %}

{% macro create_dbt_results() %}
create table if not exists {{ run_log("dbt_results") }} (
    invocation_id varchar not null,
    node_id varchar not null,
    node_name varchar not null,
    resource_type varchar not null,
    status varchar not null,
    seconds double not null,
    rows_affected bigint,
    failures bigint,
    finished_at {{ timestamp_type() }} not null
)
{% endmacro %}

{# `dbt retry` runs the hooks with the name and arguments of the failed command. Only the command line shows the retry. #}
{% macro is_retry() %} {{ return("retry" in flags.INVOCATION_COMMAND.split()) }}{% endmacro %}

{# Whether this is a `build` of every model and every data test. #}
{% macro is_complete() %}
    {%- set args = invocation_args_dict -%}
    {%- set is_narrowed = args.select or args.exclude or args.selector or args.resource_types or args.empty -%}
    {%- set left_out = args.get("exclude_resource_types", ()) | reject("equalto", "unit_test") | list -%}
    {{ return(flags.WHICH == "build" and not is_retry() and not is_narrowed and not left_out) }}
{% endmacro %}

{% macro status_of(results) -%}
    {%- set bad = results | selectattr(
        "status", "in", ["error", "fail", "runtime error", "skipped", "partial success"]
    ) -%}
    {{ return("failed" if bad | list else "success") }}
{%- endmacro %}

{% macro now_utc() %} {{ return(modules.datetime.datetime.now(modules.pytz.utc)) }}{% endmacro %}

{% macro record_run(results) %}
    {% set models = results | selectattr("node.resource_type", "equalto", "model") | list %}
insert into {{ run_log("dbt_runs") }}
select
    '{{ invocation_id }}',
    '{{ "retry" if is_retry() else flags.WHICH }}',
    {{ is_complete() | lower }},
    {{ (flags.FULL_REFRESH or false) | lower }},
    '{{ status_of(results) }}',
    '{{ status_of(models) }}',
    (select max(run_seq) from {{ run_log("sealed_batches") }}),
    nullif('{{ var("project_fingerprint") }}', ''),
    {{ utc_timestamp(run_started_at) }},
    {{ utc_timestamp(now_utc()) }}
{% endmacro %}

{# The values are only constants, because Snowflake accepts few expressions there. #}
{% macro record_results(results) %}
insert into {{ run_log("dbt_results") }}
select
    '{{ invocation_id }}',
    node_id,
    node_name,
    resource_type,
    status,
    cast(seconds as double),
    cast(rows_affected as bigint),
    cast(failures as bigint),
    cast(finished_at as {{ timestamp_type() }})
from (
    values
    {% for result in results %}
        {% set ends = result.timing | map(attribute="completed_at") | select | list %}
    (
        '{{ result.node.unique_id }}',
        '{{ result.node.name }}',
        '{{ result.node.resource_type }}',
        '{{ result.status }}',
        {{ result.execution_time }},
        {{ result.adapter_response.get("rows_affected") or "null" }},
        {{ result.failures if result.failures is not none else "null" }},
        '{{ timestamp_text(ends[-1] if ends else now_utc()) }}'
    ){{ ',' if not loop.last }}
    {% endfor %}
) as result (node_id, node_name, resource_type, status, seconds, rows_affected, failures, finished_at)
{% endmacro %}

{% macro forget_results() %}
delete from {{ run_log("dbt_results") }}
where finished_at < ({{ remembered_from() }})
{% endmacro %}

{% macro forget_runs() %}
delete from {{ run_log("dbt_runs") }}
where started_at < ({{ remembered_from() }})
{% endmacro %}

{# Whole days go, so that one run a day has something to delete. And nothing goes from the runs on by which a later one is
   decided (transform/state.ts) or scoped (`changed_movies`), however old they are; no result is older than the start of
   its run. (If no such run exists, the day is used instead: `least` of a NULL is NULL on Snowflake.) #}
{% macro remembered_from() %}
    {%- set days = modules.datetime.timedelta(days=var("run_log_retention_days")) -%}
    {%- set first_day = (run_started_at - days).replace(hour=0, minute=0, second=0, microsecond=0) -%}
    {%- set decisive_runs = [
        "is_complete and status = 'success'",
        "is_complete and models_status = 'success' and project_fingerprint is not null",
        "command in ('run', 'build')",
    ] -%}
    select
        least(
    {% for decisive in decisive_runs %}
            coalesce(max(case when {{ decisive }} then started_at end), {{ utc_timestamp(first_day) }}),
    {% endfor %}
    {{ utc_timestamp(first_day) }}
        )
    from {{ run_log("dbt_runs") }}
{%- endmacro %}
