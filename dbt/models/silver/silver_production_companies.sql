-- Grain: one row per company, as the newest document that mentions it describes it.
-- A company is looked at again when a changed movie mentions it, or when the movie that described it changed; then all
-- its mentions decide. So a run touches few companies and yet ends where a full refresh would.
{{ config(
    materialized='incremental', incremental_strategy='replace', unique_key='company_id',
    meta={'keep_if': '_movie_id is not null'}
) }}

with changed_movies as (
    select movie_id from {{ ref('silver_movies') }}
    where {{ is_unseen() }}
),

touched_companies as (
    select company_id
    from {{ ref('silver_movie_companies') }}
    where movie_id in (select movie_id from changed_movies)
    {% if is_incremental() %}
    union
    select company_id
    from {{ this }}
    where _movie_id in (select movie_id from changed_movies)
    {% else %}
    group by company_id
    {% endif %}
),

newest_mentions as (
    select *
    from {{ ref('silver_movie_companies') }}
    where company_id in (select company_id from touched_companies)
    qualify row_number() over (partition by company_id order by _fetched_at desc, movie_id asc) = 1
)

select
    touched_companies.company_id,
    newest_mentions.company_name,
    newest_mentions.origin_country,
    newest_mentions.movie_id as _movie_id,
    newest_mentions._run_seq
from touched_companies
left join newest_mentions on touched_companies.company_id = newest_mentions.company_id
