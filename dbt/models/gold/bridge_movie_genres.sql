-- Grain: one row per movie of fact_movies and genre of it; a movie without any has one row with the unknown genre.
{{ config(meta={"keep_if": "bridge_sk is not null"}) }} {{ bridge(ref("silver_movie_genres"), "genre_id", "genre_sk") }}
