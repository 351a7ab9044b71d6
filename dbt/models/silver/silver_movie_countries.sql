-- Grain: one row per movie and production country of its newest document.
{{ config(meta={"keep_if": "country_code is not null"}) }}

{{ listed_members("_production_countries", "country_code", {"country_name": "name"}, key="iso_3166_1") }}
