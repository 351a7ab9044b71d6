-- Grain: one row per movie and genre of its newest document.
{{
    config(
        materialized="incremental",
        incremental_strategy="replace",
        unique_key="movie_id",
        meta={"keep_if": "genre_id is not null"},
    )
}}

{{ listed_members("_genres", "genre_id", {"genre_name": "name"}) }}
