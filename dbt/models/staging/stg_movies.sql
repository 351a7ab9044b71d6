-- Grain: one row per movie that TMDb ever described, with the values of its newest document, parsed and typed.
-- The time of TMDb's answer decides which document is the newest. A late or repeated one never replaces a newer one.
-- Documents with an impossible time are ignored.
-- Incremental, not a view: parsing is the expensive step, and a view would parse every document of BRONZE again.
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

    unseen_documents as (
        select records.movie_id, records.fetched_at, records.load_seq, records.kafka_offset, unseen_batches.run_seq
        from {{ source("bronze", "raw_movies") }} as records
        inner join
            unseen_batches on records.load_seq = unseen_batches.load_seq and records.batch_id = unseen_batches.batch_id
        where
            records.http_status = 200
            and records.movie_id > 0
            and {{ is_believable("records.fetched_at", "records.ingested_at") }}
        qualify row_number() over (partition by records.movie_id order by {{ newest_first("records") }}) = 1
    ),

    newer_documents as (
        select unseen.load_seq, unseen.kafka_offset, unseen.run_seq
        from unseen_documents as unseen
        {% if is_incremental() %}
            left join {{ this }} as known on unseen.movie_id = known.movie_id
            where
                known.movie_id is null
                or not {{ is_believable("known._fetched_at") }}
                or unseen.fetched_at > known._fetched_at
                or (
                    unseen.fetched_at = known._fetched_at
                    and (
                        unseen.load_seq > known._load_seq
                        or (unseen.load_seq = known._load_seq and unseen.kafka_offset > known._kafka_offset)
                    )
                )
        {% endif %}
    ),

    opened as (
        select
            records.*,
            newer.run_seq,
            {{ json_opened("records.raw_data", keys) }} as contents,
            {{ json_lists("records.raw_data", lists) }} as lists
        from {{ source("bronze", "raw_movies") }} as records
        inner join
            newer_documents as newer on records.load_seq = newer.load_seq and records.kafka_offset = newer.kafka_offset
    ),

    texts as (
        select
            movie_id,
            fetched_at,
            load_seq,
            kafka_offset,
            batch_id,
            source_url,
            ingested_at,
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
    )

-- TMDb writes 0 and "" for unknown values; here they are NULL, and so are impossible values.
-- More than 1,000,000,000 votes or points of popularity are impossible: the exact sums of the marts hold no more.
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
    fetched_at as _fetched_at,
    load_seq as _load_seq,
    kafka_offset as _kafka_offset,
    batch_id as _batch_id,
    source_url as _source,
    ingested_at as _loaded_at,
    run_seq as _run_seq
from typed
