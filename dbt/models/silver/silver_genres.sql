-- Grain: one row per genre: those of TMDb's newest list, and those that only occur inside movies.
{{ config(materialized="table") }}

{% set keys = ["id", "name"] %}

-- Lists exist in several languages; the English one names genres as movies fetched by default do.
-- If a list has no usable genre (an error body, an object instead of the list), the previous list counts.
-- Only the last 20 answers are opened, so that a run does not cost more each day.
with
    newest_lists as (
        select
            records.raw_data,
            row_number() over (
                order by case when records.language like 'en%' then 0 else 1 end, {{ newest_first("records") }}
            ) as list_rank
        from {{ source("bronze", "raw_genres") }} as records
        inner join
            {{ source("run_log", "sealed_batches") }} as sealed
            on records.load_seq = sealed.load_seq
            and records.batch_id = sealed.batch_id
        where {{ is_believable("records.fetched_at", "records.ingested_at") }}
        qualify list_rank <= 20
    ),

    opened_lists as (
        select list_rank, {{ json_array(json_lists("raw_data", ["genres"]), ["genres"], "genres") }} as genres
        from newest_lists
    ),

    opened as (
        select
            element.list_rank,
            element.index as listed_at,
            element.value as json_element,
            {{ json_opened("element.value", keys) }} as element
        from ({{ json_elements("opened_lists", ["list_rank"], "genres") }}) as element
    ),

    usable as (
        select
            list_rank,
            listed_at,
            {{ to_bigint(json_text("element", keys, "id")) }} as genre_id,
            {{ known_text(json_string("json_element", "element", keys, "name")) }} as genre_name
        from opened
    ),

    listed as (
        select genre_id, genre_name
        from usable
        where
            {# mutant: names.newest-list #}
            genre_id > 0 and list_rank = (select min(newest.list_rank) from usable as newest where newest.genre_id > 0)
        qualify row_number() over (partition by genre_id order by listed_at) = 1
    ),

    -- The newest mention with a name, or else the newest.
    in_movies as (
        select genre_id, genre_name
        from ({{ naming_mentions(ref("silver_movie_genres"), "genre_id", "genre_name") }}) as mentions
    )

select
    coalesce(listed.genre_id, in_movies.genre_id) as genre_id,
    coalesce(listed.genre_name, in_movies.genre_name) as genre_name,
    listed.genre_id is not null as is_listed
from listed
full join in_movies on listed.genre_id = in_movies.genre_id
