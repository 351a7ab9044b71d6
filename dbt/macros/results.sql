{# ---- What dbt did: one row per node and invocation, also when a person runs dbt by hand ---- #}

{% macro create_dbt_results() %}
{% if execute and flags.WHICH in ('run', 'build', 'test') %}
create table if not exists {{ source('run_log', 'dbt_results') }} (
    invocation_id varchar not null,
    command varchar not null,
    run_seq bigint,
    project_fingerprint varchar,
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

{% macro record_results(results) %}
{% if execute and results and flags.WHICH in ('run', 'build', 'test') %}
{% set run_end = modules.datetime.datetime.now(modules.pytz.utc) %}
insert into {{ source('run_log', 'dbt_results') }}
select
    '{{ invocation_id }}',
    '{{ flags.WHICH }}',
    (select max(run_seq) from {{ source('run_log', 'sealed_batches') }}),
    nullif('{{ var("project_fingerprint") }}', ''),
    result.*
from (
    values
    {% for result in results %}
    {% set timing = result.timing | map(attribute='completed_at') | select | list %}
    (
        '{{ result.node.unique_id }}',
        '{{ result.node.name }}',
        '{{ result.node.resource_type }}',
        '{{ result.status }}',
        cast({{ result.execution_time }} as double),
        cast({{ result.adapter_response.get('rows_affected') or 'null' }} as bigint),
        cast({{ result.failures if result.failures is not none else 'null' }} as bigint),
        {{ utc_timestamp(timing[-1] if timing else run_end) }}
    ){{ ',' if not loop.last }}
    {% endfor %}
) as result
{% endif %}
{% endmacro %}
