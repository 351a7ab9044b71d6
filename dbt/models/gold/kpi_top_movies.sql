-- Grain: one row per metric and rank.
{{ config(materialized="table") }}

{% set metrics = [
    ("revenue", "revenue_usd", "true"),
    ("profit", "profit_usd", "true"),
    ("roi", "roi_pct", has_roi()),
    ("rating", "vote_average", "vote_count >= " ~ var("rating_vote_floor")),
    ("popularity", "popularity", "true"),
] %}

with
    ranked as (
        {% for metric, column, condition in metrics %}
            select
                '{{ metric }}' as metric,
                row_number() over (
                    order by
                        {{ metric }}.{{ column }} desc,
                        {{ metric }}.vote_count desc nulls last,
                        {{ metric }}.movie_id asc
                ) as rank,
                cast({{ metric }}.{{ column }} as double) as value,
                {{ metric }}.*
            from
                (
                    select *
                    from {{ ref("fact_movies") }}
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
    ranked.movie_sk,
    ranked.movie_id,
    ranked.title,
    dates.year as release_year,
    ranked.revenue_usd,
    ranked.budget_usd,
    ranked.profit_usd,
    ranked.roi_pct,
    ranked.vote_average,
    ranked.vote_count,
    ranked.popularity
from ranked
inner join {{ ref("dim_dates") }} as dates on ranked.date_sk = dates.date_sk
