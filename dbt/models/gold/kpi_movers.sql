-- Grain: one row per metric, span and rank.
-- The gain of a movie is the difference between its last and its first known value on the days of the span.
-- The span ends on the newest day of all answers, not today, so that a run with nothing new changes nothing.
{{ config(materialized="table") }}

{% set metrics = ["vote_count", "popularity", "revenue_usd"] %}

with
    newest as (select max(answered_on) as newest_on from {{ ref("fact_movie_daily") }}),

    -- A gain needs two days, and most movies of a whole catalogue have one. Counting the days costs far less than the
    -- values below.
    movies_of_several_days as (
        select daily.movie_id
        from {{ ref("fact_movie_daily") }} as daily
        cross join newest
        where daily.answered_on >= newest.newest_on - interval '{{ var("mover_span_days") | max }} days'
        group by daily.movie_id
        having count(*) > 1
    ),

    -- The first and the last day on which each metric is known, and its values on them, in one pass over the days.
    by_movie as (
        select
            daily.movie_id
            {% for span in var("mover_span_days") %}
                {% for metric in metrics %}
                    {# mutant: history.span #}
                    {%- set known_on -%}
                        case
                            when
                                daily.answered_on >= newest.newest_on - interval '{{ span }} days'
                                and daily.{{ metric }} is not null
                            then daily.answered_on
                        end
                    {%- endset %},
                    min({{ known_on }}) as first_{{ metric }}_{{ span }}_on,
                    max({{ known_on }}) as last_{{ metric }}_{{ span }}_on,
                    min_by(daily.{{ metric }}, {{ known_on }}) as first_{{ metric }}_{{ span }},
                    max_by(daily.{{ metric }}, {{ known_on }}) as last_{{ metric }}_{{ span }}
                {% endfor %}
            {% endfor %}
        from {{ ref("fact_movie_daily") }} as daily
        inner join movies_of_several_days as movies on daily.movie_id = movies.movie_id
        cross join newest
        where daily.answered_on >= newest.newest_on - interval '{{ var("mover_span_days") | max }} days'
        group by daily.movie_id
    ),

    gains as (
        {% for span in var("mover_span_days") %}
            {%- set is_last_span = loop.last -%}
            {% for metric in metrics %}
                select
                    '{{ metric }}' as metric,
                    {{ span }} as span_days,
                    movie_id,
                    first_{{ metric }}_{{ span }}_on as first_answered_on,
                    last_{{ metric }}_{{ span }}_on as last_answered_on,
                    cast(first_{{ metric }}_{{ span }} as double) as first_value,
                    cast(last_{{ metric }}_{{ span }} as double) as last_value
                from by_movie {{ "union all" if not (is_last_span and loop.last) }}
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
