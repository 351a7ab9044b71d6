-- Grain: one row per country in which a movie was produced, and the unknown member.
{{ config(materialized="table") }}

select
    {{ surrogate_key(["country_code"]) }} as country_sk,
    country_code,
    {{ name_or_id("country_name", "Country", "country_code") }} as country_name
from {{ ref("silver_movie_countries") }}
qualify {{ is_naming_mention("country_code", "country_name") }}
union all
select {{ surrogate_key([unknown_id()]) }} as country_sk, null as country_code, 'Unknown' as country_name
