-- Grain: one row per released feature of fact_movies.
-- A view, because two columns depend on all movies: a newer answer or another vote can change them in every row.
-- Popularity is NULL if the answer is old: TMDb computes it each day, and a movie that has left the list is not fetched
-- again. Age is counted from the newest answer, not from the clock, so that a run with nothing new changes nothing.
{{ config(materialized="view") }}

-- Names fact_movies each time: DuckDB keeps a query of WITH that has several readers in memory, with all its rows.
with
    newest as (select max(answered_at) as answered_at from {{ same_database(ref("fact_movies")) }}),

    all_ratings as (
        select {{ exact_mean("cast(vote_average as decimal(5, 3))", 4) }} as mean_vote
        from {{ same_database(ref("fact_movies")) }}
        where is_released_feature
    )

select
    features.movie_sk,
    features.movie_id,
    features.title,
    features.date_sk,
    features.release_date,
    cast(extract(year from features.release_date) as integer) as release_year,
    features.first_listed_genre_sk,
    features.first_listed_company_sk,
    features.is_money_known,
    {# mutant: figures.known-amounts #}
    {% for amount in ["revenue_usd", "budget_usd", "profit_usd", "roi_pct"] %}
        case when features.is_money_known then features.{{ amount }} end as known_{{ amount }},
    {% endfor %}
    features.vote_average,
    features.vote_count,
    {{ weighted_rating("features.vote_average", "features.vote_count", "all_ratings.mean_vote") }} as weighted_rating,
    {# mutant: figures.current-popularity #}
    case
        when features.answered_at >= newest.answered_at - interval '{{ var("popularity_max_age_days") }} days'
        then features.popularity
    end as current_popularity,
    features.answered_at
from {{ same_database(ref("fact_movies")) }} as features
cross join newest
cross join all_ratings
{# mutant: figures.counted-movies #}
where features.is_released_feature
