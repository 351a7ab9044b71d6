-- Grain: one row per rank by popularity.
{{ config(materialized="view") }} {{ top_movies_by("popularity") }}
