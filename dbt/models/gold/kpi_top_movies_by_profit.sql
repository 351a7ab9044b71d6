-- Grain: one row per rank by profit.
{{ config(materialized="view") }} {{ top_movies_by("profit") }}
