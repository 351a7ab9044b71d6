-- Grain: one row per movie and day (UTC) on which TMDb described the movie, with the values of the day's last answer.
-- Only the days of new answers are computed again. A day that has no answer left is returned with NULLs,
-- which clears its row.
{% set day = ["movie_id", "answered_on"] %}
{{ config(unique_key=day, meta={"keep_if": "movie_sk is not null"}) }}

with
    {% if is_incremental() %} changed_days as ({{ days_with_unseen_answers() }}),{% endif %}

    observations as (
        select observed.*, cast(observed._fetched_at as date) as answered_on
        from {{ ref("silver_movie_observations") }} as observed
    ),

    last_of_day as (
        select
            movie_id,
            {{ surrogate_key(["movie_id"]) }} as movie_sk,
            {{ date_sk("answered_on") }} as date_sk,
            answered_on,
            _fetched_at as answered_at,
            vote_count,
            vote_average,
            popularity,
            revenue_usd,
            _run_seq
        from observations
        where
            not is_deleted
            {% if is_incremental() %}
                and (movie_id, answered_on)
                in (select changed.movie_id, changed.answered_on from changed_days as changed)
            {% endif %}
        {# mutant: history.last-of-day #}
        qualify row_number() over (partition by movie_id, answered_on order by _fetched_at desc) = 1
    )

    {% set columns = [
        "movie_sk",
        "date_sk",
        "answered_at",
        "vote_count",
        "vote_average",
        "popularity",
        "revenue_usd",
        "_run_seq",
    ] %}
    {{ rows_of_changed("last_of_day", columns, changed="changed_days", keys=day) }}
