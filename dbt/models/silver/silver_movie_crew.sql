-- Grain: one row per crew credit in a movie's newest document (part `credits`).
{{ config(enabled="credits" in env_var("TMDB_APPEND", ""), meta={"keep_if": "credit_id is not null"}) }}

{{
    listed_members(
        "credits.crew",
        "credit_id",
        {"person_name": "name", "department": "department", "job": "job"},
        key="credit_id",
        numbers={"person_id": "id"},
        part="credits",
    )
}}
