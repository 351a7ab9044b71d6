-- Grain: one row per movie of fact_movies and company of it; a movie without any has one row with the unknown company.
{{ config(meta={"keep_if": "bridge_sk is not null"}) }}

{{ bridge(ref("silver_movie_companies"), "company_id", "company_sk") }}
