-- Grain: one row per movie that TMDb has not deleted.
-- The query returns a deleted movie as a row without a key, which takes it out of the table (see `replace`).
{{ config(meta={"keep_if": "movie_sk is not null"}) }}

with
    changed_movies as (
        select *
        from {{ ref("silver_movies") }}
        where {{ is_unseen() }} {% if not is_incremental() %} and not is_deleted{% endif %}
    )

    {% set first_genre_sk = surrogate_key(["coalesce(genres.genre_id, " ~ unknown_id() ~ ")"]) %}
    {% set first_company_sk = surrogate_key(["coalesce(companies.company_id, " ~ unknown_id() ~ ")"]) %}

select
    case when not movies.is_deleted then {{ surrogate_key(["movies.movie_id"]) }} end as movie_sk,
    {{ date_sk("movies.release_date") }} as date_sk,
    {{ first_genre_sk }} as genre_sk,
    {{ first_company_sk }} as company_sk,
    movies.movie_id,
    {{ title_or_id("movies") }} as title,
    movies.revenue_usd,
    movies.budget_usd,
    movies.revenue_usd - movies.budget_usd as profit_usd,
    cast(movies.revenue_usd - movies.budget_usd as double) * 100 / movies.budget_usd as roi_pct,
    movies.vote_average,
    movies.vote_count,
    movies.popularity,
    movies._run_seq,
    movies.status,
    coalesce(movies.adult, false) as adult,
    coalesce(movies.video, false) as video,
    coalesce(movies.softcore, false) as softcore,
    movies.is_released,
    {{ is_released_feature("movies") }} as is_released_feature,
    {{ is_money_known("movies") }} as is_money_known,
    movies._document_fetched_at as answered_at,
    movies.release_date,
    {{ first_genre_sk }} as first_listed_genre_sk,
    {{ first_company_sk }} as first_listed_company_sk
from changed_movies as movies
left join {{ ref("silver_movie_genres") }} as genres on movies.movie_id = genres.movie_id and genres.position = 1
left join
    {{ ref("silver_movie_companies") }} as companies on movies.movie_id = companies.movie_id and companies.position = 1
