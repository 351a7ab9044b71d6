-- Grain: one row per movie and spoken language of its newest document.
{{ config(meta={"keep_if": "language_code is not null"}) }}

{{
    listed_members(
        "_spoken_languages",
        "language_code",
        {"language_name": "english_name", "native_name": "name"},
        key="iso_639_1",
    )
}}
