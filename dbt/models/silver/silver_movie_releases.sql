-- Grain: one row per release in a country in a movie's newest document (part `release_dates`).
-- A changed movie without releases is returned as one row of NULLs, which clears its previous rows.
{{ config(enabled="release_dates" in env_var("TMDB_APPEND", ""), meta={"keep_if": "country_code is not null"}) }}

{% set list = "release_dates.results" %}
{% set country_keys = ["iso_3166_1"] %}
{% set releases = ["release_dates"] %}
{% set keys = ["release_date", "certification", "type"] %}

with
    {{ part_lists("release_dates", list) }},

    countries as (
        select
            country.movie_id,
            country.index as country_index,
            country.value as json_element,
            {{ json_opened("country.value", country_keys) }} as opened,
            {{ json_lists("country.value", releases) }} as nested
        from ({{ json_elements("part_lists", ["movie_id"], "part_list") }}) as country
    ),

    listed_countries as (
        select
            movie_id,
            country_index,
            {{ member_id("json_element", "opened", country_keys) }} as country_code,
            {{ json_array("nested", releases, "release_dates") }} as country_releases
        from countries
    ),

    opened_releases as (
        select
            country_release.movie_id,
            country_release.country_index,
            country_release.country_code,
            country_release.index as release_index,
            country_release.value as json_element,
            {{ json_opened("country_release.value", keys) }} as opened
        from
            (
                {{
                    json_elements(
                        "listed_countries", ["movie_id", "country_index", "country_code"], "country_releases"
                    )
                }}
            ) as country_release
        where country_release.country_code is not null
    ),

    listed_releases as (
        select
            movie_id,
            country_code,
            row_number() over (partition by movie_id, country_code order by country_index, release_index) as position,
            substr({{ json_string("json_element", "opened", keys, "release_date") }}, 1, 10) as release_day,
            {{ known_text(json_string("json_element", "opened", keys, "certification")) }} as certification,
            {{ to_integer(json_text("opened", keys, "type")) }} as release_type
        from opened_releases
    )

select
    changed_movies.movie_id,
    listed_releases.country_code,
    listed_releases.position,
    {{ to_calendar_day("listed_releases.release_day") }} as release_date,
    case when listed_releases.release_type between 1 and 6 then listed_releases.release_type end as release_type,
    listed_releases.certification,
    changed_movies._document_fetched_at as _fetched_at,
    changed_movies._run_seq
from changed_movies
left join listed_releases on changed_movies.movie_id = listed_releases.movie_id
{% if not is_incremental() %} where listed_releases.country_code is not null{% endif %}
