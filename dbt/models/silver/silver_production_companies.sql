-- Grain: one row per company, as the newest document that mentions it describes it.
-- A company is looked at again when a changed movie mentions it, or when the movie that described it changed; then all
-- its mentions decide. So a run touches few companies and yet ends where a full refresh would.
{{
    config(
        materialized="incremental",
        incremental_strategy="replace",
        unique_key="company_id",
        meta={"keep_if": "_movie_id is not null"},
    )
}}

with
    changed_movies as (select movie_id from {{ ref("silver_movies") }} where {{ is_unseen() }}),

    touched_companies as (
        select mentions.company_id
        from {{ ref("silver_movie_companies") }} as mentions
        inner join changed_movies on mentions.movie_id = changed_movies.movie_id
        {% if is_incremental() %}
            union all
            select known.company_id
            from {{ this }} as known
            inner join changed_movies on known._movie_id = changed_movies.movie_id
        {% endif %}
    ),

    newest_mentions as (
        select mentions.*
        from {{ ref("silver_movie_companies") }} as mentions
        where mentions.company_id in (select touched.company_id from touched_companies as touched)
        qualify
            row_number() over (
                partition by mentions.company_id order by mentions._fetched_at desc, mentions.movie_id asc
            )
            = 1
    )

select distinct
    touched_companies.company_id,
    newest_mentions.company_name,
    newest_mentions.origin_country,
    newest_mentions.movie_id as _movie_id,
    newest_mentions._run_seq
from touched_companies
left join newest_mentions on touched_companies.company_id = newest_mentions.company_id
