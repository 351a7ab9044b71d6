-- Grain: one row per movie and genre of its newest document.
{{ config(meta={"keep_if": "genre_id is not null"}) }}

{{ listed_members("_genres", "genre_id", {"genre_name": "name"}) }}
