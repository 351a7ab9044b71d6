-- Grain: one row per metric, span and rank.
-- The gain of a movie is the difference between its last and its first known value on the days of the span.
-- The span ends on the newest day of all answers, not today, so that a run with nothing new changes nothing.
{{ config(materialized="table") }}

{% set metrics = ["vote_count", "popularity", "revenue_usd"] %}

with
    newest as (select max(answered_on) as newest_on from {{ ref("fact_movie_daily") }}),

    recent_days as (
        select daily.movie_id, daily.answered_on, newest.newest_on, daily.{{ metrics | join(", daily.") }}
        from {{ ref("fact_movie_daily") }} as daily
        cross join newest
        where daily.answered_on >= newest.newest_on - interval '{{ var("mover_span_days") | max }} days'
    ),

    -- A gain needs two days. Most movies of a whole catalogue have one, so they are left out before the metrics are
    -- compared.
    days as (
        select recent.*
        from recent_days as recent
        where
            recent.movie_id
            in (select counted.movie_id from recent_days as counted group by counted.movie_id having count(*) > 1)
    ),

    gains as (
        {% for span in var("mover_span_days") %}
            {%- set is_last_span = loop.last -%}
            {% for metric in metrics %}
                select
                    '{{ metric }}' as metric,
                    {{ span }} as span_days,
                    movie_id,
                    min(answered_on) as first_answered_on,
                    max(answered_on) as last_answered_on,
                    cast(min_by({{ metric }}, answered_on) as double) as first_value,
                    cast(max_by({{ metric }}, answered_on) as double) as last_value
                from days
                {# mutant: history.span #}
                where answered_on >= newest_on - interval '{{ span }} days' and {{ metric }} is not null
                group by movie_id {{ "union all" if not (is_last_span and loop.last) }}
            {% endfor %}
        {% endfor %}
    ),

    ranked as (
        select
            gains.*,
            movies.movie_sk,
            movies.title,
            movies.release_year,
            gains.last_value - gains.first_value as gain,
            row_number() over (
                partition by gains.metric, gains.span_days order by gain desc, gains.movie_id asc
            ) as rank
        from gains
        inner join {{ ref("fact_released_features") }} as movies on gains.movie_id = movies.movie_id
        where gains.last_value > gains.first_value
        qualify rank <= {{ var("top_movies") }}
    )

select
    metric,
    cast(span_days as integer) as span_days,
    cast(rank as integer) as rank,
    movie_sk,
    movie_id,
    title,
    release_year,
    first_answered_on,
    last_answered_on,
    first_value,
    last_value,
    gain
from ranked
