-- Grain: one row per movie and stretch of time in which its tracked values did not change.
-- A slowly changing dimension of type 2. A stretch begins with the answer that first shows the change, and ends where
-- the next one begins. A deleted movie keeps its last known values, as in silver_movies.
-- A changed movie is returned with all its rows. One without any is returned with NULLs, which clears its old rows.
{{ config(meta={"keep_if": "version_number is not null"}) }}

{% set values = ["title", "original_title", "status", "release_date", "runtime_minutes", "budget_usd", "revenue_usd"] %}
{% set tracked = ["is_deleted"] + values %}
{% set in_time = "partition by movie_id order by _fetched_at" %}

with
    {% if is_incremental() %} changed_movies as ({{ movies_with_unseen_answers() }}),{% endif %}

    observations as (
        select movie_id, _fetched_at, {{ tracked | join(", ") }}, max(_run_seq) over (partition by movie_id) as _run_seq
        from {{ ref("silver_movie_observations") }}
        {% if is_incremental() %} where movie_id in (select changed.movie_id from changed_movies as changed) {% endif %}
        -- Most answers repeat the one before. Without them, the comparison below is of few rows. TMDb's answer for a
        -- deleted movie has no values, so it differs from the document before it by `is_deleted`.
        qualify
            row_number() over ({{ in_time }}) = 1
            {% for column in tracked %}
                or {{ column }} is distinct from lag({{ column }}) over ({{ in_time }})
            {% endfor %}
    ),

    numbered as (
        select
            observations.*,
            count(case when not observations.is_deleted then 1 end) over ({{ in_time }}) as document_number
        from observations
    ),

    -- All observations with the same number have the values of one document: the only one, or the one before a
    -- deletion.
    complete as (
        select
            movie_id,
            _fetched_at,
            is_deleted,
            {% for value in values %}
                {# mutant: history.deleted-values #}
                max(case when not is_deleted then {{ value }} end) over (
                    partition by movie_id, document_number
                ) as {{ value }},
            {% endfor %}
            _run_seq
        from numbered
    ),

    compared as (
        select
            complete.*,
            row_number() over ({{ in_time }}) as answer_number,
            {% for column in tracked %}
                lag({{ column }}) over ({{ in_time }}) as previous_{{ column }} {{- "," if not loop.last }}
            {% endfor %}
        from complete
    ),

    versions as (
        select
            movie_id,
            cast(row_number() over ({{ in_time }}) as integer) as version_number,
            _fetched_at as valid_from,
            {# mutant: history.valid-to #}
            lead(_fetched_at) over ({{ in_time }}) as valid_to,
            lead(_fetched_at) over ({{ in_time }}) is null as is_current,
            {{ tracked | join(", ") }},
            case
                when answer_number > 1
                then
                    rtrim(
                        concat(
                            {% for column in tracked %}
                                case
                                    when {{ column }} is distinct from previous_{{ column }}
                                    then '{{ column }} '
                                    else ''
                                end
                                {{- "," if not loop.last }}
                            {% endfor %}
                        ),
                        ' '
                    )
            end as changed_columns,
            _run_seq
        from compared
        where
            answer_number = 1
            {% for column in tracked %} or {{ column }} is distinct from previous_{{ column }} {% endfor %}
    )

    {% set columns = (
        ["version_number", "valid_from", "valid_to", "is_current"] + tracked + ["changed_columns", "_run_seq"]
    ) %}
    {{ rows_of_changed("versions", columns) }}
