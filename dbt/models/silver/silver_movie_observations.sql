-- Grain: one row per movie and moment of an answer that describes the movie or reports it as missing.
-- An answer that has expired is not here.
-- If two answers have the same moment, the one that BRONZE received later counts, as in silver_movies.
-- A changed movie is returned with all its rows. One without any is returned with NULLs, which clears its old rows.
-- depends_on: {{ ref("silver_movies") }}
-- The tests of this model look at the movies that changed in silver_movies, so that must be built before.
{{ config(meta={"keep_if": "_fetched_at is not null"}) }}

{% set strings = ["title", "original_title", "status"] %}
{% set scalars = ["release_date", "runtime", "budget", "revenue", "popularity", "vote_average", "vote_count"] %}
{% set keys = strings + scalars + ["status_code"] %}
{% set observed = [
    "is_deleted",
    "title",
    "original_title",
    "status",
    "release_date",
    "runtime_minutes",
    "budget_usd",
    "revenue_usd",
    "vote_average",
    "vote_count",
    "popularity",
    "_fetched_at",
    "_load_seq",
    "_kafka_offset",
    "_run_seq",
] %}

with
    unseen_answers as (
        select answers.*, {{ is_expired("raw_data") }} as is_expired, {{ json_opened("raw_data", keys) }} as contents
        from ({{ unseen_answers([200, 404, 410]) }}) as answers
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
            {% for key in scalars %} {{ json_text("contents", keys, key) }} as {{ key }}, {% endfor %}
            http_status <> 200 as is_deleted
        from unseen_answers
        where
            not is_expired
            and (http_status = 200 or {{ says_movie_is_missing(json_text("contents", keys, "status_code")) }})
    ),

    typed as (
        select
            movie_id,
            is_deleted,
            title,
            original_title,
            status,
            {{ to_calendar_day("release_date") }} as release_date,
            {{ to_integer("runtime") }} as runtime_minutes,
            {{ to_bigint("budget") }} as budget_usd,
            {{ to_bigint("revenue") }} as revenue_usd,
            {{ to_double("vote_average") }} as average_vote,
            {{ to_bigint("vote_count") }} as votes,
            {{ to_double("popularity") }} as popularity_score,
            fetched_at as _fetched_at,
            load_seq as _load_seq,
            kafka_offset as _kafka_offset,
            run_seq as _run_seq
        from texts
    ),

    observations as (
        select
            movie_id,
            is_deleted,
            title,
            original_title,
            status,
            release_date,
            {{ positive("runtime_minutes") }} as runtime_minutes,
            {{ positive("budget_usd") }} as budget_usd,
            {{ positive("revenue_usd") }} as revenue_usd,
            {{ known_vote_average("average_vote", "votes") }} as vote_average,
            {{ countable("votes") }} as vote_count,
            {{ countable("popularity_score") }} as popularity,
            _fetched_at,
            _load_seq,
            _kafka_offset,
            _run_seq
        from typed
        {% if is_incremental() %}
            union all
            select known.movie_id, known.{{ observed | join(", known.") }}
            from {{ this }} as known
            {# mutant: history.expired #}
            left join
                unseen_answers as expired
                on known.movie_id = expired.movie_id
                and known._fetched_at = expired.fetched_at
                and expired.is_expired
            where
                known.movie_id in (select answers.movie_id from unseen_answers as answers) and expired.movie_id is null
        {% endif %}
    ),

    {% if is_incremental() %} changed_movies as (select distinct movie_id from unseen_answers),{% endif %}

    distinct_observations as (
        select *
        from observations
        qualify
            {# mutant: history.one-moment #}
            row_number() over (partition by movie_id, _fetched_at order by {{ newest_first(prefix="_") }}) = 1
    )

    {{ rows_of_changed_movies("distinct_observations", observed) }}
