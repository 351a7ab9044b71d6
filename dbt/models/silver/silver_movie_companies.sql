-- Grain: one row per movie and company of its newest document; `position` 1 is the first-listed.
-- The query returns a movie without any as one row of NULLs, which clears what the movie had before (see `replace`).
{{
    config(
        materialized="incremental",
        incremental_strategy="replace",
        unique_key="movie_id",
        meta={"keep_if": "company_id is not null"},
    )
}}

{% set keys = ["id", "name", "origin_country"] %}

with
    changed_movies as (
        select movie_id, _production_companies, _document_fetched_at, _run_seq
        from {{ ref("silver_movies") }}
        where {{ is_unseen() }}
    ),

    opened as (
        select
            element.movie_id,
            element.index as listed_at,
            element.value as json_element,
            {{ json_opened("element.value", keys) }} as element
        from ({{ json_elements("changed_movies", ["movie_id"], "_production_companies") }}) as element
    ),

    listed as (
        select
            movie_id,
            listed_at,
            {{ known_text(json_string("json_element", "element", keys, "name")) }} as company_name,
            {{ known_text(json_string("json_element", "element", keys, "origin_country")) }} as origin_country,
            {{ to_bigint(json_text("element", keys, "id")) }} as company_id
        from opened
    ),

    -- TMDb lists the odd company twice.
    numbered as (
        select *, row_number() over (partition by movie_id order by listed_at) as position
        from
            (
                select *
                from listed
                where company_id > 0
                qualify row_number() over (partition by movie_id, company_id order by listed_at) = 1
            ) as distinct_companies
    )

select
    changed_movies.movie_id,
    numbered.company_id,
    numbered.position,
    numbered.company_name,
    numbered.origin_country,
    changed_movies._document_fetched_at as _fetched_at,
    changed_movies._run_seq
from changed_movies
left join numbered on changed_movies.movie_id = numbered.movie_id
{% if not is_incremental() %} where numbered.company_id is not null{% endif %}
