-- Grain: one row per rank by revenue.
{{ config(materialized="view") }} {{ top_movies_by("revenue") }}
