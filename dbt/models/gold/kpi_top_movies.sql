-- Grain: one row per metric and rank.
{{ config(materialized="table") }}

{# mutant: figures.metrics #}
{% set metrics = [
    ("revenue", "known_revenue_usd", "true"),
    ("profit", "known_profit_usd", "true"),
    ("roi", "known_roi_pct", "true"),
    ("rating", "weighted_rating", "vote_count >= " ~ var("rating_vote_floor")),
    ("popularity", "current_popularity", "true"),
] %}

with
    -- Reads only the ranked values of all movies, and joins the other columns for the movies that have a rank.
    -- Names the view each time: DuckDB keeps a query of WITH that has several readers in memory, with all its rows.
    ranked as (
        {% for metric, column, condition in metrics %}
            select
                '{{ metric }}' as metric,
                row_number() over (
                    order by {{ metric }}.value desc, {{ metric }}.vote_count desc nulls last, {{ metric }}.movie_id asc
                ) as rank,
                {{ metric }}.movie_id,
                cast({{ metric }}.value as double) as value
            from
                (
                    select movie_id, vote_count, {{ column }} as value
                    from {{ ref("fact_released_features") }}
                    where {{ column }} is not null and {{ condition }}
                    order by {{ column }} desc, vote_count desc nulls last, movie_id asc
                    limit {{ var("top_movies") }}
                ) as {{ metric }}
                {{ 'union all' if not loop.last }}
        {% endfor %}
    )

select
    ranked.metric,
    cast(ranked.rank as integer) as rank,
    ranked.value,
    movies.movie_sk,
    movies.movie_id,
    movies.title,
    features.release_year,
    movies.revenue_usd,
    movies.budget_usd,
    movies.profit_usd,
    movies.roi_pct,
    movies.vote_average,
    movies.vote_count,
    features.weighted_rating,
    movies.popularity,
    movies.answered_at
from ranked
inner join {{ ref("fact_movies") }} as movies on ranked.movie_id = movies.movie_id
inner join {{ ref("fact_released_features") }} as features on ranked.movie_id = features.movie_id
