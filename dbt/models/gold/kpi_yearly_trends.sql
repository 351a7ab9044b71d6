-- Grain: one row per year in which a feature was released; movies without a known release date are not counted.
-- A released feature was answered after its release, so no year is later than that of the newest answer.
{{ config(materialized="table") }}

with
    trends as (
        select release_year, {{ movie_measures() }}
        from {{ ref("fact_released_features") }}
        where release_year is not null
        group by release_year
    ),

    newest as (select extract(year from max(answered_at)) as answered_in from {{ ref("fact_movies") }})

select
    trends.*,
    trends.movie_count - previous.movie_count as movie_count_change,
    round(
        cast(trends.total_revenue_usd - previous.total_revenue_usd as double) * 100 / previous.total_revenue_usd, 4
    ) as total_revenue_change_pct,
    {# mutant: figures.complete-year #}
    trends.release_year < newest.answered_in as is_complete_year
from trends
cross join newest
{# mutant: figures.previous-year #}
left join trends as previous on trends.release_year = previous.release_year + 1
