-- Grain: one row per movie of fact_movies and country of it; a movie without any has one row with the unknown country.
{{ config(meta={"keep_if": "bridge_sk is not null"}) }}

{{ bridge(ref("silver_movie_countries"), "country_code", "country_sk") }}
