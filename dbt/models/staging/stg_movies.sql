-- Grain: one row per movie that TMDb ever described, with the values of its newest document, parsed and typed.
-- The time of TMDb's answer decides which document is the newest. A late or repeated one never replaces a newer one.
-- Documents with an impossible time are ignored.
-- Incremental, not a view: parsing is the expensive step, and a view would parse every document of BRONZE again.
{% set strings = [
    "imdb_id",
    "title",
    "original_title",
    "original_language",
    "status",
    "poster_path",
    "overview",
    "tagline",
    "belongs_to_collection.name",
] %}
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
{% set keys_of_elements = {
    "genres": ["id", "name"],
    "production_companies": ["id", "name", "origin_country"],
    "production_countries": ["iso_3166_1", "name"],
    "spoken_languages": ["iso_639_1", "english_name", "name"],
} %}
{% set lists = keys_of_elements | list %}
{% set nested = lists + ["belongs_to_collection"] %}

with
    unseen_answers as ({{ unseen_answers([200]) }}),

    unseen_documents as (
        select
            movie_id,
            fetched_at,
            load_seq,
            kafka_offset,
            run_seq,
            min(fetched_at) over (partition by movie_id) as first_seen_at,
            first_value(run_seq) over (partition by movie_id order by fetched_at asc, run_seq desc) as first_run_seq
        from unseen_answers
        qualify row_number() over (partition by movie_id order by {{ newest_first() }}) = 1
    ),

    compared_documents as (
        select unseen.*,
        {% if is_incremental() %}
                known._load_seq as known_load_seq,
                known._kafka_offset as known_kafka_offset,
                known.first_seen_at as known_first_seen_at,
                known.movie_id is null
                or not {{ is_believable("known._fetched_at") }}
                or unseen.fetched_at > known._fetched_at
                or (
                    unseen.fetched_at = known._fetched_at
                    and (
                        unseen.load_seq > known._load_seq
                        or (unseen.load_seq = known._load_seq and unseen.kafka_offset > known._kafka_offset)
                    )
                ) as is_newer
            from unseen_documents as unseen
            left join {{ this }} as known on unseen.movie_id = known.movie_id
        {% else %} null as known_first_seen_at, true as is_newer from unseen_documents as unseen
        {% endif %}
    ),

    -- A late document that is older than all before it does not replace the known one, which is read again: only
    -- `first_seen_at` changes. If a purge renumbered the batch of the first document, only the run sequence changes.
    documents_to_read as (
        select
            {% if is_incremental() %}
                case when is_newer then load_seq else known_load_seq end as load_seq,
                case when is_newer then kafka_offset else known_kafka_offset end as kafka_offset,
            {% else %} load_seq, kafka_offset,
            {% endif %}
            greatest(
                case when is_newer then run_seq else 0 end,
                case when known_first_seen_at < first_seen_at then 0 else first_run_seq end
            ) as run_seq,
            case
                when known_first_seen_at < first_seen_at then known_first_seen_at else first_seen_at
            end as first_seen_at
        from compared_documents
        where is_newer or first_seen_at <= known_first_seen_at
    ),

    opened as (
        select
            records.*,
            documents.run_seq,
            documents.first_seen_at,
            {{ json_opened("records.raw_data", keys) }} as contents,
            {{ json_lists("records.raw_data", nested) }} as nested
        from {{ source("bronze", "raw_movies") }} as records
        inner join
            documents_to_read as documents
            on records.load_seq = documents.load_seq
            and records.kafka_offset = documents.kafka_offset
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
            first_seen_at,
            {% for key in strings %}
                {{ known_text(json_string("raw_data", "contents", keys, key)) }} as {{ key | replace(".", "_") }},
            {% endfor %}
            {% for key in scalars %} {{ known_text(json_text("contents", keys, key)) }} as {{ key }}, {% endfor %}
            {% for list in lists %} {{ json_array("nested", nested, list) }} as {{ list }}, {% endfor %}
            {{ is_expired("raw_data") }} as is_expired,
            contents is null or not {{ json_is_object("raw_data") }} as is_unreadable,
            concat(
                {% for key in strings %}
                    {{ named_if(key, is_other_than_string("raw_data", "contents", keys, key)) }},
                {% endfor %}
                {% for list in lists %}
                    {{ named_if(list, json_is_other_than("array", "nested", nested, list)) }},
                {% endfor %}
                {{
                    named_if(
                        "belongs_to_collection",
                        json_is_other_than("object", "nested", nested, "belongs_to_collection"),
                    )
                }}
            ) as of_other_type
        from opened
    ),

    unusable_elements as ({{ unusable_elements("texts", keys_of_elements) }}),

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
select
    movie_id,
    imdb_id,
    title,
    original_title,
    original_language,
    status,
    release_day as release_date,
    {{ positive("runtime_minutes") }} as runtime_minutes,
    {{ positive("budget_usd") }} as budget_usd,
    {{ positive("revenue_usd") }} as revenue_usd,
    {{ countable("popularity_score") }} as popularity,
    {{ known_vote_average("average_vote", "votes") }} as vote_average,
    {{ countable("votes") }} as vote_count,
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
    {{ lists | join(", ") }},
    poster_path,
    overview,
    tagline,
    belongs_to_collection_name as collection,
    first_seen_at,
    is_expired,
    fetched_at as _fetched_at,
    load_seq as _load_seq,
    kafka_offset as _kafka_offset,
    batch_id as _batch_id,
    source_url as _source,
    ingested_at as _loaded_at,
    run_seq as _run_seq
from typed
