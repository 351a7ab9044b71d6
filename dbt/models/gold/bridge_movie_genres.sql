-- Grain: one row per movie of fact_movies and genre of it; a movie without any has one row with the unknown genre.
-- The query returns a deleted movie as a row without a key, which takes it out of the table (see `replace`).
{{
    config(
        materialized="incremental",
        incremental_strategy="replace",
        unique_key="movie_id",
        meta={"keep_if": "bridge_sk is not null"},
    )
}}

with
    changed_movies as (
        select movie_id, is_deleted, _run_seq
        from {{ ref("silver_movies") }}
        where {{ is_unseen() }} {% if not is_incremental() %} and not is_deleted{% endif %}
    ),

    members as (
        select
            movies.movie_id,
            movies.is_deleted,
            movies._run_seq,
            coalesce(genres.genre_id, {{ unknown_id() }}) as genre_id,
            coalesce(genres.position, 1) as position
        from changed_movies as movies
        left join {{ ref("silver_movie_genres") }} as genres on movies.movie_id = genres.movie_id
    )

select
    case when not is_deleted then {{ surrogate_key(["movie_id", "genre_id"]) }} end as bridge_sk,
    {{ surrogate_key(["movie_id"]) }} as movie_sk,
    {{ surrogate_key(["genre_id"]) }} as genre_sk,
    movie_id,
    cast(position as integer) as position,
    _run_seq
from members
