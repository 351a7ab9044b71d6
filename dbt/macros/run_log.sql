{# ---- The log of dbt's runs ----
   A hook at the start writes the row of a run with the status `running`, and the process that started dbt writes its outcome from
   dbt's results (transform/dbt/run-log.ts): a run that ends early, or is killed, is never a success. One hook with several statements
   in it, because dbt's overhead for each hook costs more than the statements. #}
{% macro start_run() %}
    {% if execute %} {{ refuse_partial_movies() }} {% endif %}
    {% if execute and flags.WHICH in ("run", "build", "test") %}
        {{ create_sealed_batches() }}
        ;
        {{ create_dbt_runs() }}
        ;
        {{ create_dbt_results() }}
        ;
        {{ forget_results() }}
        ;
        {{ forget_runs() }}
        ;
        {% set seal = seal_batches() | trim %}
        {% if seal %}
            {{ seal }}
            ;
        {% endif %}
        {{ close_killed_runs() }}
        ;
        {{ move_future_runs() }}
        ;
        {% if flags.WHICH in ("run", "build") %}
            {{ drop_parts_without_model() }} {{ drop_removed_models() }}
        {% endif %}
        {{ record_start() }}
        {% if tracks_build_state() %}
            ;
            {{ mark_build_started() }}
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

{# dbt runs one at a time, so an older run that is still `running` was killed before its outcome was written. #}
{% macro close_killed_runs() %}
update {{ run_log("dbt_runs") }}
set status = 'interrupted', models_status = 'interrupted'
where status = 'running'
{% endmacro %}

{# No older run can have ended later than now: its clock was ahead, and it would stay the last run until then. All such runs are moved
   by the same time to before this one, which keeps their order and durations. #}
{% macro move_future_runs() %}
    {%- set now = utc_timestamp(run_started_at) -%}
    {%- set ahead = dbt.datediff(now, "(select max(finished_at) from " ~ run_log("dbt_runs") ~ ")", "second") %}
update {{ run_log("dbt_runs") }}
set
    started_at = {{ dbt.dateadd("second", "-1 - " ~ ahead, "started_at") }},
    finished_at = {{ dbt.dateadd("second", "-1 - " ~ ahead, "finished_at") }}
where finished_at > {{ now }}
{% endmacro %}

{% macro record_start() %}
insert into {{ run_log("dbt_runs") }}
select
    '{{ invocation_id }}',
    '{{ "retry" if is_retry() else flags.WHICH }}',
    {{ is_complete() | lower }},
    {{ (flags.FULL_REFRESH or false) | lower }},
    'running',
    'running',
    (select max(run_seq) from {{ run_log("sealed_batches") }}),
    nullif('{{ var("project_fingerprint") }}', ''),
    {{ utc_timestamp(run_started_at) }},
    {{ utc_timestamp(run_started_at) }}
{% endmacro %}

{% macro forget_results() %}
delete from {{ run_log("dbt_results") }}
where finished_at < ({{ remembered_from() }})
{% endmacro %}

{# A full refresh is kept: its duration is the estimate for the next one (transform/full-refresh.ts). #}
{% macro forget_runs() %}
delete from {{ run_log("dbt_runs") }}
where started_at < ({{ remembered_from() }}) and not (is_full_refresh and is_complete and models_status = 'success')
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
