-- Grain: one row per keyword in a movie's newest document (part `keywords`).
{{ config(enabled="keywords" in env_var("TMDB_APPEND", ""), meta={"keep_if": "keyword_id is not null"}) }}

{{ listed_members("keywords.keywords", "keyword_id", {"keyword_name": "name"}, part="keywords") }}
