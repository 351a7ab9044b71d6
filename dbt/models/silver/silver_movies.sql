-- Grain: one row per movie that TMDb ever described or declared gone.
-- A row joins the movie's newest document with its newest answer. Both are chosen by the time TMDb answered, among the
-- new records and the existing row: a late or repeated record never replaces a newer one. Records with an impossible
-- time are ignored.
{{ config(materialized="incremental", incremental_strategy="replace", unique_key="movie_id") }}

{% set strings = ["imdb_id", "title", "original_title", "original_language", "status"] %}
{% set scalars = [
    "release_date",
    "runtime",
    "budget",
    "revenue",
    "popularity",
    "vote_average",
    "vote_count",
    "adult",
    "video",
    "softcore",
] %}
{% set keys = strings + scalars %}
{% set lists = ["genres", "production_companies"] %}

with
    unseen_batches as ({{ unseen_batches() }}),

    -- TMDb says in the body, too, that there is no such movie: a 404 of a proxy on the way is no tombstone.
    unseen_answers as (
        select
            records.movie_id,
            records.fetched_at,
            records.load_seq,
            records.kafka_offset,
            records.batch_id,
            records.source_url,
            records.ingested_at,
            unseen_batches.run_seq,
            false as is_deleted
        from {{ source("bronze", "raw_movies") }} as records
        inner join
            unseen_batches on records.load_seq = unseen_batches.load_seq and records.batch_id = unseen_batches.batch_id
        where
            records.http_status = 200
            and records.movie_id > 0
            and {{ is_believable("records.fetched_at", "records.ingested_at") }}
        union all
        select
            records.movie_id,
            records.fetched_at,
            records.load_seq,
            records.kafka_offset,
            records.batch_id,
            records.source_url,
            records.ingested_at,
            unseen_batches.run_seq,
            true as is_deleted
        from {{ source("bronze", "raw_movies") }} as records
        inner join
            unseen_batches on records.load_seq = unseen_batches.load_seq and records.batch_id = unseen_batches.batch_id
        where
            records.http_status in (404, 410)
            and records.movie_id > 0
            and {{ is_believable("records.fetched_at", "records.ingested_at") }}
            and {{ json_text(json_opened("records.raw_data", ["status_code"]), ["status_code"], "status_code") }}
            in ('34', '6', '37')
    ),

    {% if is_incremental() %}
        -- A known row counts where it has the newest answer or the newest document. Few have, and to read the wide
        -- rows of
        -- all others would cost more the more movies there are.
        unseen_movies as (
            select
                movie_id,
                max(fetched_at) as answered_at,
                max(case when not is_deleted then fetched_at end) as described_at
            from unseen_answers
            group by movie_id
        ),

        known_movies as (
            select known.*
            from {{ this }} as known
            where
                known.movie_id in (
                    select standing.movie_id
                    from {{ this }} as standing
                    inner join unseen_movies on standing.movie_id = unseen_movies.movie_id
                    where
                        standing._fetched_at >= unseen_movies.answered_at
                        or standing._document_fetched_at >= unseen_movies.described_at
                        or unseen_movies.described_at is null
                )
        ),
    {% endif %}

    newest_unseen_documents as (
        select load_seq, kafka_offset, run_seq
        from unseen_answers
        where not is_deleted
        qualify row_number() over (partition by movie_id order by {{ newest_first() }}) = 1
    ),

    opened as (
        select
            records.movie_id,
            records.fetched_at,
            records.load_seq,
            records.kafka_offset,
            newest.run_seq,
            records.raw_data,
            {{ json_opened("records.raw_data", keys) }} as contents,
            {{ json_lists("records.raw_data", lists) }} as lists
        from {{ source("bronze", "raw_movies") }} as records
        inner join
            newest_unseen_documents as newest
            on records.load_seq = newest.load_seq
            and records.kafka_offset = newest.kafka_offset
    ),

    texts as (
        select
            movie_id,
            fetched_at,
            load_seq,
            kafka_offset,
            run_seq,
            {% for key in strings %}
                {{ known_text(json_string("raw_data", "contents", keys, key)) }} as {{ key }},
            {% endfor %}
            {% for key in scalars %} {{ known_text(json_text("contents", keys, key)) }} as {{ key }}, {% endfor %}
            {% for list in lists %} {{ json_array("lists", lists, list) }} as {{ list }}, {% endfor %}
            contents is null or not {{ json_is_object("raw_data") }} as is_unreadable,
            concat(
                {% for key in strings %}
                    {{ named_if(key, is_other_than_string("raw_data", "contents", keys, key)) }},
                {% endfor %}
                {% for list in lists %}
                    {{ named_if(list, json_is_other_than_array("lists", lists, list)) }} {{- "," if not loop.last }}
                {% endfor %}
            ) as of_other_type
        from opened
    ),

    unusable_elements as ({{ unusable_elements("texts", lists) }}),

    typed as (
        select
            texts.*,
            unusable_elements.names as of_elements,
            {{ to_calendar_day("release_date") }} as release_day,
            {{ to_integer("runtime") }} as runtime_minutes,
            {{ to_bigint("budget") }} as budget_usd,
            {{ to_bigint("revenue") }} as revenue_usd,
            {{ to_double("popularity") }} as popularity_score,
            {{ to_double("vote_average") }} as average_vote,
            {{ to_bigint("vote_count") }} as votes,
            {{ to_boolean("adult") }} as is_adult,
            {{ to_boolean("video") }} as is_video,
            {{ to_boolean("softcore") }} as is_softcore
        from texts
        left join unusable_elements on texts.movie_id = unusable_elements.movie_id
    ),

    -- Beyond 1,000,000,000 votes or points of popularity nothing can be true, and the marts' exact sums hold no more.
    -- TMDb writes 0 and "" for what it does not know; neither that nor what cannot be true is a value.
    documents as (
        select
            movie_id,
            imdb_id,
            title,
            original_title,
            original_language,
            status,
            release_day as release_date,
            case when runtime_minutes > 0 then runtime_minutes end as runtime_minutes,
            case when budget_usd > 0 then budget_usd end as budget_usd,
            case when revenue_usd > 0 then revenue_usd end as revenue_usd,
            case when popularity_score between 0 and 1000000000 then popularity_score end as popularity,
            case
                when average_vote > 0 and average_vote <= 10 and (votes > 0 or votes is null) then average_vote
            end as vote_average,
            case when votes between 0 and 1000000000 then votes end as vote_count,
            is_adult as adult,
            is_video as video,
            is_softcore as softcore,
            nullif(
                concat(
                    case when is_unreadable then 'document ' else '' end,
                    of_other_type,
                    {{ unusable("release_date", "release_day is not null") }},
                    {{ unusable("runtime", "runtime_minutes >= 0") }},
                    {{ unusable("budget", "budget_usd >= 0") }},
                    {{ unusable("revenue", "revenue_usd >= 0") }},
                    {{ unusable("popularity", "popularity_score between 0 and 1000000000") }},
                    {{ unusable("vote_average", "average_vote between 0 and 10") }},
                    {{ unusable("vote_count", "votes between 0 and 1000000000") }},
                    {{ unusable("adult", "is_adult is not null") }},
                    {{ unusable("video", "is_video is not null") }},
                    {{ unusable("softcore", "is_softcore is not null") }},
                    coalesce(of_elements, '')
                ),
                ''
            ) as unusable_fields,
            genres,
            production_companies,
            fetched_at,
            load_seq,
            kafka_offset,
            run_seq
        from typed
        {% if is_incremental() %}
            union all
            select
                movie_id,
                imdb_id,
                title,
                original_title,
                original_language,
                status,
                release_date,
                runtime_minutes,
                budget_usd,
                revenue_usd,
                popularity,
                vote_average,
                vote_count,
                adult,
                video,
                softcore,
                unusable_fields,
                _genres,
                _production_companies,
                _document_fetched_at,
                _document_load_seq,
                _document_kafka_offset,
                _run_seq
            from known_movies
            where _document_fetched_at is not null and {{ is_believable("_document_fetched_at") }}
        {% endif %}
    ),

    newest_documents as (
        select * from documents qualify row_number() over (partition by movie_id order by {{ newest_first() }}) = 1
    ),

    answers as (
        select *
        from unseen_answers
        {% if is_incremental() %}
            union all
            select movie_id, _fetched_at, _load_seq, _kafka_offset, _batch_id, _source, _loaded_at, _run_seq, is_deleted
            from known_movies
            where {{ is_believable("_fetched_at", "_loaded_at") }}
        {% endif %}
    ),

    newest_answers as (
        select * from answers qualify row_number() over (partition by movie_id order by {{ newest_first() }}) = 1
    )

select
    newest_answers.movie_id,
    newest_documents.imdb_id,
    newest_documents.title,
    newest_documents.original_title,
    newest_documents.release_date,
    newest_documents.budget_usd,
    newest_documents.revenue_usd,
    newest_documents.vote_average,
    newest_documents.vote_count,
    newest_documents.popularity,
    newest_documents.runtime_minutes,
    newest_documents.original_language,
    newest_documents.status,
    newest_answers.is_deleted,
    newest_documents.unusable_fields,
    newest_answers.ingested_at as _loaded_at,
    newest_answers.source_url as _source,
    newest_answers.fetched_at as _fetched_at,
    newest_answers.batch_id as _batch_id,
    newest_answers.load_seq as _load_seq,
    newest_answers.kafka_offset as _kafka_offset,
    newest_documents.fetched_at as _document_fetched_at,
    newest_documents.load_seq as _document_load_seq,
    newest_documents.kafka_offset as _document_kafka_offset,
    newest_documents.genres as _genres,
    newest_documents.production_companies as _production_companies,
    newest_documents.adult,
    newest_documents.video,
    newest_documents.softcore,
    greatest(newest_answers.run_seq, coalesce(newest_documents.run_seq, newest_answers.run_seq)) as _run_seq,
    {{ is_released("newest_documents") }} as is_released
from newest_answers
left join newest_documents on newest_answers.movie_id = newest_documents.movie_id
