-- Grain: one row per genre, and the unknown member.
{{ config(materialized="table") }}

select
    {{ surrogate_key(["genre_id"]) }} as genre_sk,
    genre_id,
    {{ name_or_id("genre_name", "Genre", "genre_id") }} as genre_name
from {{ ref("silver_genres") }}
union all
select {{ surrogate_key([unknown_id()]) }} as genre_sk, {{ unknown_id() }} as genre_id, 'Unknown' as genre_name
