-- Grain: one row per movie and genre of its newest document; `position` 1 is the first-listed.
-- The query returns a movie without any as one row of NULLs, which clears what the movie had before (see `replace`).
{{
    config(
        materialized="incremental",
        incremental_strategy="replace",
        unique_key="movie_id",
        meta={"keep_if": "genre_id is not null"},
    )
}}

{% set keys = ["id", "name"] %}

with
    changed_movies as (
        select movie_id, _genres, _document_fetched_at, _run_seq from {{ ref("silver_movies") }} where {{ is_unseen() }}
    ),

    opened as (
        select
            element.movie_id,
            element.index as listed_at,
            element.value as json_element,
            {{ json_opened("element.value", keys) }} as element
        from ({{ json_elements("changed_movies", ["movie_id"], "_genres") }}) as element
    ),

    listed as (
        select
            movie_id,
            listed_at,
            {{ known_text(json_string("json_element", "element", keys, "name")) }} as genre_name,
            {{ to_bigint(json_text("element", keys, "id")) }} as genre_id
        from opened
    ),

    -- TMDb lists the odd genre twice.
    numbered as (
        select *, row_number() over (partition by movie_id order by listed_at) as position
        from
            (
                select *
                from listed
                where genre_id > 0
                qualify row_number() over (partition by movie_id, genre_id order by listed_at) = 1
            ) as distinct_genres
    )

select
    changed_movies.movie_id,
    numbered.genre_id,
    numbered.position,
    numbered.genre_name,
    changed_movies._document_fetched_at as _fetched_at,
    changed_movies._run_seq
from changed_movies
left join numbered on changed_movies.movie_id = numbered.movie_id
{% if not is_incremental() %} where numbered.genre_id is not null{% endif %}
