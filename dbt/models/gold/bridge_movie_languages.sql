-- Grain: one row per movie of fact_movies and language of it; a movie without any has one row with the unknown
-- language.
{{ config(meta={"keep_if": "bridge_sk is not null"}) }}

{{ bridge(ref("silver_movie_languages"), "language_code", "language_sk") }}
