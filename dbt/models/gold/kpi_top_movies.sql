-- Grain: one row per metric and rank.
{{ config(materialized="table") }}

{# mutant: figures.metrics #}
{% set metrics = [
    ("revenue", "revenue_usd", "is_money_known"),
    ("profit", "profit_usd", "is_money_known"),
    ("roi", "roi_pct", "is_money_known"),
    ("rating", "vote_average", "vote_count >= " ~ var("rating_vote_floor")),
    ("popularity", "current_popularity", "true"),
] %}

with
    counted as ({{ counted_movies() }}),

    -- Reads only the ranked values of all movies, and joins the other columns for the movies that have a rank.
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
                    from counted
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
    dates.year as release_year,
    movies.revenue_usd,
    movies.budget_usd,
    movies.profit_usd,
    movies.roi_pct,
    movies.vote_average,
    movies.vote_count,
    movies.popularity,
    movies.answered_at
from ranked
inner join {{ ref("fact_movies") }} as movies on ranked.movie_id = movies.movie_id
inner join {{ ref("dim_dates") }} as dates on movies.date_sk = dates.date_sk
