-- Grain: one row per movie and moment of an answer that describes the movie or reports it as missing.
-- An answer that has expired is not here.
-- If two answers have the same moment, the one that BRONZE received later counts, as in silver_movies.
-- Only the moments of new answers are computed again. One whose answer has expired is returned with NULLs, which clears
-- its old row.
-- depends_on: {{ ref("silver_movies") }}
-- The tests of this model look at the movies that changed in silver_movies, so that must be built before.
{% set moment = ["movie_id", "_fetched_at"] %}
{{ config(unique_key=moment, meta={"keep_if": "_load_seq is not null"}) }}

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
    "_load_seq",
    "_kafka_offset",
    "_run_seq",
] %}

with
    unseen_answers as (
        select answers.*, {{ is_expired("raw_data") }} as is_expired, {{ json_opened("raw_data", keys) }} as contents
        from ({{ unseen_answers([200, 404, 410]) }}) as answers
    ),

    {% if is_incremental() %}
        changed_moments as (
            select movie_id, fetched_at as _fetched_at, max(case when is_expired then 1 else 0 end) = 1 as is_expired
            from unseen_answers
            group by movie_id, fetched_at
        ),
    {% endif %}

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
            _load_seq,
            _kafka_offset,
            _run_seq,
            movie_id,
            _fetched_at
        from typed
        {% if is_incremental() %}
            union all
            select known.{{ (observed + moment) | join(", known.") }}
            from {{ this }} as known
            inner join
                changed_moments
                on known.movie_id = changed_moments.movie_id
                and known._fetched_at = changed_moments._fetched_at
            {# mutant: history.expired #}
            where not changed_moments.is_expired
        {% endif %}
    ),

    distinct_observations as (
        select *
        from observations
        qualify
            {# mutant: history.one-moment #}
            row_number() over (partition by movie_id, _fetched_at order by {{ newest_first(prefix="_") }}) = 1
    )

    {{ rows_of_changed("distinct_observations", observed, changed="changed_moments", keys=moment) }}
