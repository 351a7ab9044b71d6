-- Grain: one row per movie and company of its newest document.
{{ config(meta={"keep_if": "company_id is not null"}) }}

{{
    listed_members(
        "_production_companies", "company_id", {"company_name": "name", "origin_country": "origin_country"}
    )
}}
