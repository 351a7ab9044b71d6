-- Grain: one row per language that is spoken in a movie, and the unknown member.
{{ config(materialized="table") }}

select
    {{ surrogate_key(["language_code"]) }} as language_sk,
    language_code,
    {{ name_or_id("language_name", "Language", "language_code") }} as language_name,
    native_name
from ({{ naming_mentions(ref("silver_movie_languages"), "language_code", "language_name") }}) as mentions
union all
select
    {{ surrogate_key([unknown_id()]) }} as language_sk,
    null as language_code,
    'Unknown' as language_name,
    null as native_name
