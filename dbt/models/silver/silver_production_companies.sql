-- Grain: one row per company, as the newest document that gives its name describes it.
-- Mentions with a name come first, then newer ones, then those of lower movie ids. The row of a company is compared
-- only with the mentions of changed movies, unless the movie that described it changed and left no mention that comes
-- as early: then all mentions are compared. So a run reads few mentions and still gives the result of a full refresh. A
-- company that no movie mentions any more is returned as a row of NULLs, which removes it (see `replace`).
{{ config(unique_key="company_id", meta={"keep_if": "_movie_id is not null"}) }}

with
    changed_movies as (select movie_id from {{ ref("silver_movies") }} where {{ is_unseen() }}),

    changed_mentions as (
        select mentions.*
        from {{ ref("silver_movie_companies") }} as mentions
        where mentions.movie_id in (select changed.movie_id from changed_movies as changed)
    ),

    {% if is_incremental() %}
        known_companies as (
            select known.*, changed_movies.movie_id is not null as is_described_again
            from {{ this }} as known
            left join changed_movies on known._movie_id = changed_movies.movie_id
        ),

        -- The movie that described them changed, and no changed movie has a mention that comes as early.
        reopened_companies as (
            select known.company_id
            from known_companies as known
            left join
                changed_mentions as mentions
                on known.company_id = mentions.company_id
                and (
                    (known.company_name is null and mentions.company_name is not null)
                    or (
                        (known.company_name is null) = (mentions.company_name is null)
                        and (
                            known._fetched_at < mentions._fetched_at
                            or (known._fetched_at = mentions._fetched_at and known._movie_id >= mentions.movie_id)
                        )
                    )
                )
            where known.is_described_again and mentions.company_id is null
        ),
    {% endif %}

    mentions as (
        select company_id, company_name, origin_country, movie_id, _fetched_at, _run_seq
        from changed_mentions
        {% if is_incremental() %}
            union all
            select company_id, company_name, origin_country, _movie_id, _fetched_at, _run_seq
            from known_companies
            where not is_described_again and company_id in (select changed.company_id from changed_mentions as changed)
            union all
            select company_id, company_name, origin_country, movie_id, _fetched_at, _run_seq
            from {{ ref("silver_movie_companies") }}
            where company_id in (select reopened.company_id from reopened_companies as reopened)
            union all
            select
                company_id,
                null as company_name,
                null as origin_country,
                null as movie_id,
                null as _fetched_at,
                null as _run_seq
            from reopened_companies
        {% endif %}
    )

select company_id, company_name, origin_country, movie_id as _movie_id, _fetched_at, _run_seq
from mentions
qualify
    row_number() over (
        partition by company_id
        {# mutant: names.company #}
        order by case when company_name is null then 1 else 0 end, _fetched_at desc nulls last, movie_id asc nulls last
    )
    = 1
