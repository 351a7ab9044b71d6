-- Grain: one row per rank by rating.
{{ config(materialized="view") }} {{ top_movies_by("rating") }}
