{# ---- What dbt did, also when a person runs it by hand ---- #}
{% macro create_dbt_runs() %}
    {% if execute and flags.WHICH in ("run", "build", "test") %}
create table if not exists {{ run_log("dbt_runs") }} (
    invocation_id varchar not null,
    command varchar not null,
    is_complete boolean not null,
    is_full_refresh boolean not null,
    status varchar not null,
    models_status varchar not null,
    run_seq bigint,
    project_fingerprint varchar,
    started_at timestamp not null,
    finished_at timestamp not null
)
    {% endif %}
{% endmacro %}

{% macro create_dbt_results() %}
    {% if execute and flags.WHICH in ("run", "build", "test") %}
create table if not exists {{ run_log("dbt_results") }} (
    invocation_id varchar not null,
    node_id varchar not null,
    node_name varchar not null,
    resource_type varchar not null,
    status varchar not null,
    seconds double not null,
    rows_affected bigint,
    failures bigint,
    finished_at timestamp not null
)
    {% endif %}
{% endmacro %}

{% macro status_of(results) -%}
    {%- set bad = results | selectattr(
        "status", "in", ["error", "fail", "runtime error", "skipped", "partial success"]
    ) -%}
    {{ return("failed" if bad | list else "success") }}
{%- endmacro %}

{% macro now_utc() %} {{ return(modules.datetime.datetime.now(modules.pytz.utc)) }}{% endmacro %}

{% macro record_run(results) %}
    {% if execute and flags.WHICH in ("run", "build", "test") %}
        {% set models = results | selectattr("node.resource_type", "equalto", "model") | list %}
        {% set is_complete = flags.WHICH == "build" and not (
            invocation_args_dict.select
            or invocation_args_dict.exclude
            or invocation_args_dict.selector
            or invocation_args_dict.empty
        ) %}
insert into {{ run_log("dbt_runs") }}
select
    '{{ invocation_id }}',
    '{{ flags.WHICH }}',
        {{ is_complete | lower }},
        {{ (flags.FULL_REFRESH or false) | lower }},
    '{{ status_of(results) }}',
    '{{ status_of(models) }}',
    (select max(run_seq) from {{ run_log("sealed_batches") }}),
    nullif('{{ var("project_fingerprint") }}', ''),
        {{ utc_timestamp(run_started_at) }},
        {{ utc_timestamp(now_utc()) }}
    {% endif %}
{% endmacro %}

{% macro record_results(results) %}
    {% if execute and results and flags.WHICH in ("run", "build", "test") %}
insert into {{ run_log("dbt_results") }}
select '{{ invocation_id }}', result.*
from (
    values
        {% for result in results %}
            {% set ends = result.timing | map(attribute="completed_at") | select | list %}
    (
        '{{ result.node.unique_id }}',
        '{{ result.node.name }}',
        '{{ result.node.resource_type }}',
        '{{ result.status }}',
        cast({{ result.execution_time }} as double),
        cast({{ result.adapter_response.get('rows_affected') or 'null' }} as bigint),
        cast({{ result.failures if result.failures is not none else 'null' }} as bigint),
            {{ utc_timestamp(ends[-1] if ends else now_utc()) }}
    ){{ ',' if not loop.last }}
        {% endfor %}
) as result
    {% endif %}
{% endmacro %}
