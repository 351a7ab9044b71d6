-- Grain: one row per movie that TMDb ever described or reported as missing.
-- A row joins the movie's newest document (stg_movies) with its newest answer, which may report the movie as missing.
-- The time of TMDb's answer decides which answer is the newest. Answers with an impossible time are ignored.
{% set answer_columns = [
    "movie_id",
    "_fetched_at",
    "_load_seq",
    "_kafka_offset",
    "_batch_id",
    "_source",
    "_loaded_at",
    "_run_seq",
] | join(", ") %}

with
    unseen_answers as ({{ unseen_answers([404, 410]) }}),

    unseen_documents as ({{ documents_of("unseen_answers") }}),

    -- An expired 404 counts, because all older answers have expired.
    unseen_tombstones as (
        select
            movie_id,
            fetched_at as _fetched_at,
            load_seq as _load_seq,
            kafka_offset as _kafka_offset,
            batch_id as _batch_id,
            source_url as _source,
            ingested_at as _loaded_at,
            run_seq as _run_seq,
            {{ is_expired("document") }} as is_expired
        from unseen_documents
        where
            {{
                says_movie_is_missing(
                    json_text(json_opened("document", ["status_code"]), ["status_code"], "status_code")
                )
            }} or {{ is_expired("document") }}
    ),

    -- Two branches, because one condition with OR would read every wide row.
    documents as (
        select *
        from {{ ref("stg_movies") }}
        where {{ is_unseen() }}
        {% if is_incremental() %}
            union all
            select *
            from {{ ref("stg_movies") }}
            where
                not {{ is_unseen() }} and movie_id in (select tombstones.movie_id from unseen_tombstones as tombstones)
        {% endif %}
    ),

    answers as (
        {# mutant: purge.leaves-gold #}
        select
            {{ answer_columns }}, coalesce(is_expired, false) as is_deleted, coalesce(is_expired, false) as is_expired
        from documents
        union all
        select {{ answer_columns }}, true as is_deleted, is_expired
        from unseen_tombstones
        {% if is_incremental() %}
            union all
            select {{ answer_columns }}, is_deleted, is_expired
            from {{ this }}
            where
                is_deleted
                and {{ is_believable("_fetched_at", "_loaded_at") }}
                and (
                    movie_id in (select documents.movie_id from documents)
                    or movie_id in (select tombstones.movie_id from unseen_tombstones as tombstones)
                )
        {% endif %}
    ),

    newest_answers as (
        select *
        from answers
        qualify row_number() over (partition by movie_id order by {{ newest_first(prefix="_") }}) = 1
    )

select
    newest_answers.movie_id,
    documents.imdb_id,
    documents.title,
    documents.original_title,
    documents.release_date,
    documents.budget_usd,
    documents.revenue_usd,
    documents.vote_average,
    documents.vote_count,
    documents.popularity,
    documents.runtime_minutes,
    documents.original_language,
    documents.status,
    newest_answers.is_deleted,
    documents.unusable_fields,
    newest_answers._loaded_at,
    newest_answers._source,
    newest_answers._fetched_at,
    newest_answers._batch_id,
    newest_answers._load_seq,
    newest_answers._kafka_offset,
    documents._fetched_at as _document_fetched_at,
    documents._load_seq as _document_load_seq,
    documents._kafka_offset as _document_kafka_offset,
    documents.genres as _genres,
    documents.production_companies as _production_companies,
    documents.adult,
    documents.video,
    documents.softcore,
    greatest(newest_answers._run_seq, coalesce(documents._run_seq, newest_answers._run_seq)) as _run_seq,
    {{ is_released("documents") }} as is_released,
    documents.collection,
    documents.poster_path,
    documents.overview,
    documents.tagline,
    documents.first_seen_at,
    documents.production_countries as _production_countries,
    documents.spoken_languages as _spoken_languages,
    newest_answers.is_expired
from newest_answers
left join documents on newest_answers.movie_id = documents.movie_id
