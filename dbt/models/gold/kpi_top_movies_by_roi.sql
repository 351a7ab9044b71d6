-- Grain: one row per rank by roi.
{{ config(materialized="view") }} {{ top_movies_by("roi") }}
