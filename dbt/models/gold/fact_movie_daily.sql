-- Grain: one row per movie and day (UTC) on which TMDb described the movie, with the values of the day's last answer.
-- A changed movie is returned with all its rows. One without any is returned with NULLs, which clears its old rows.
{{ config(meta={"keep_if": "movie_sk is not null"}) }}

with
    {% if is_incremental() %} changed_movies as ({{ movies_with_unseen_answers() }}),{% endif %}

    last_of_day as (
        select
            movie_id,
            {{ surrogate_key(["movie_id"]) }} as movie_sk,
            {{ date_sk("cast(_fetched_at as date)") }} as date_sk,
            cast(_fetched_at as date) as answered_on,
            _fetched_at as answered_at,
            vote_count,
            vote_average,
            popularity,
            revenue_usd,
            _run_seq
        from {{ ref("silver_movie_observations") }}
        where
            not is_deleted
            {% if is_incremental() %}
                and movie_id in (select changed.movie_id from changed_movies as changed)
            {% endif %}
        {# mutant: history.last-of-day #}
        qualify row_number() over (partition by movie_id, cast(_fetched_at as date) order by _fetched_at desc) = 1
    )

    {% set columns = [
        "movie_sk",
        "date_sk",
        "answered_on",
        "answered_at",
        "vote_count",
        "vote_average",
        "popularity",
        "revenue_usd",
        "_run_seq",
    ] %}
    {{ rows_of_changed_movies("last_of_day", columns) }}
