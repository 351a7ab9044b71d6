-- Grain: one row per genre: those of TMDb's newest list, and those that only occur inside movies.
{{ config(materialized="table") }}

{% set keys = ["id", "name"] %}

-- Lists exist in several languages; the English one names genres as movies fetched by default do.
with
    newest_list as (
        select records.raw_data
        from {{ source("bronze", "raw_genres") }} as records
        inner join
            {{ source("run_log", "sealed_batches") }} as sealed
            on records.load_seq = sealed.load_seq
            and records.batch_id = sealed.batch_id
        where {{ is_believable("records.fetched_at", "records.ingested_at") }}
        order by case when records.language like 'en%' then 0 else 1 end, {{ newest_first("records") }}
        limit 1
    ),

    opened_list as (
        select {{ json_array(json_opened("raw_data", ["genres"]), ["genres"], "genres") }} as genres from newest_list
    ),

    opened as (
        select {{ json_opened("element.value", keys) }} as element, element.index as listed_at
        from opened_list, {{ json_elements("genres") }} as element
    ),

    listed as (
        select
            {{ to_bigint(json_text("element", keys, "id")) }} as genre_id,
            {{ known_text(json_text("element", keys, "name")) }} as genre_name
        from opened
        where {{ to_bigint(json_text("element", keys, "id")) }} > 0
        qualify row_number() over (partition by genre_id order by listed_at) = 1
    ),

    only_in_movies as (
        select mentions.genre_id, mentions.genre_name
        from {{ ref("silver_movie_genres") }} as mentions
        left join listed on mentions.genre_id = listed.genre_id
        where listed.genre_id is null
        qualify
            row_number() over (partition by mentions.genre_id order by mentions._fetched_at desc, mentions.movie_id asc)
            = 1
    )

select genre_id, genre_name, true as is_listed
from listed
union all
select genre_id, genre_name, false as is_listed
from only_in_movies
