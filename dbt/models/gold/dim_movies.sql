-- Grain: one row per movie that TMDb has not deleted, as in fact_movies.
-- The query returns a deleted movie as a row without a key, which takes it out of the table (see `replace`).
{{ config(meta={"keep_if": "movie_sk is not null"}) }}

select
    {# mutant: gold.deleted-from-movies #}
    case when not movies.is_deleted then {{ surrogate_key(["movies.movie_id"]) }} end as movie_sk,
    movies.movie_id,
    movies.imdb_id,
    {{ title_or_id("movies") }} as title,
    movies.original_title,
    movies.original_language,
    movies.status,
    movies.is_released,
    movies.runtime_minutes as runtime,
    coalesce(movies.adult, false) as adult,
    coalesce(movies.video, false) as video,
    coalesce(movies.softcore, false) as softcore,
    movies.collection,
    movies.poster_path,
    movies.overview,
    movies.tagline,
    movies.first_seen_at,
    {# mutant: gold.answered-at #}
    movies._document_fetched_at as answered_at,
    movies._run_seq
from {{ ref("silver_movies") }} as movies
where {{ is_unseen("movies._run_seq") }} {% if not is_incremental() %} and not movies.is_deleted{% endif %}
