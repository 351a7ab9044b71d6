-- Grain: one row per country in which a movie was produced, and the unknown member.
{{ config(materialized="table") }}

select
    {{ surrogate_key(["country_code"]) }} as country_sk,
    country_code,
    {{ name_or_id("country_name", "Country", "country_code") }} as country_name
from ({{ naming_mentions(ref("silver_movie_countries"), "country_code", "country_name") }}) as mentions
union all
select {{ surrogate_key([unknown_id()]) }} as country_sk, null as country_code, 'Unknown' as country_name
