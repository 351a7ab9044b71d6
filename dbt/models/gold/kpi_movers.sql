-- Grain: one row per metric, span and rank.
-- The gain of a movie is the difference between its last and its first known value on the days of the span.
-- The span ends on the newest day of all answers, not today, so that a run with nothing new changes nothing.
{{ config(materialized="table") }}

{% set metrics = ["vote_count", "popularity", "revenue_usd"] %}

with
    newest as (select max(answered_on) as newest_on from {{ ref("fact_movie_daily") }}),

    days as (
        select daily.movie_id, daily.answered_on, newest.newest_on, daily.{{ metrics | join(", daily.") }}
        from {{ ref("fact_movie_daily") }} as daily
        cross join newest
        where daily.answered_on >= newest.newest_on - interval '{{ var("mover_span_days") | max }} days'
    ),

    known_values as (
        {% for metric in metrics %}
            select '{{ metric }}' as metric, movie_id, answered_on, newest_on, cast({{ metric }} as double) as value
            from days
            where {{ metric }} is not null {{ "union all" if not loop.last }}
        {% endfor %}
    ),

    in_spans as (
        {% for span in var("mover_span_days") %}
            select {{ span }} as span_days, metric, movie_id, answered_on, value
            from known_values
            {# mutant: history.span #}
            where answered_on >= newest_on - interval '{{ span }} days' {{ "union all" if not loop.last }}
        {% endfor %}
    ),

    gains as (
        select
            metric,
            span_days,
            movie_id,
            min(answered_on) as first_answered_on,
            max(answered_on) as last_answered_on,
            min_by(value, answered_on) as first_value,
            max_by(value, answered_on) as last_value,
            max_by(value, answered_on) - min_by(value, answered_on) as gain
        from in_spans
        group by metric, span_days, movie_id
    ),

    ranked as (
        select
            gains.*,
            movies.movie_sk,
            movies.title,
            movies.release_year,
            row_number() over (
                partition by gains.metric, gains.span_days order by gains.gain desc, gains.movie_id asc
            ) as rank
        from gains
        inner join {{ ref("fact_released_features") }} as movies on gains.movie_id = movies.movie_id
        where gains.gain > 0
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
