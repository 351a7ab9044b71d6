-- Grain: one row per cast credit in a movie's newest document (part `credits`).
{{ config(enabled="credits" in env_var("TMDB_APPEND", ""), meta={"keep_if": "credit_id is not null"}) }}

{{
    listed_members(
        "credits.cast",
        "credit_id",
        {"person_name": "name", "character_name": "character"},
        key="credit_id",
        numbers={"person_id": "id"},
        part="credits",
    )
}}
