-- Grain: one row per year in which a feature was released; movies without a known release date are not counted.
{{ config(materialized="table") }}

with
    movies as ({{ counted_movies() }}),

    trends as (
        select dates.year as release_year, {{ movie_measures() }}
        from movies
        inner join {{ ref("dim_dates") }} as dates on movies.date_sk = dates.date_sk
        where dates.year is not null
        group by dates.year
    )

select
    trends.*,
    trends.movie_count - previous.movie_count as movie_count_change,
    round(
        cast(trends.total_revenue_usd - previous.total_revenue_usd as double) * 100 / previous.total_revenue_usd, 4
    ) as total_revenue_change_pct
from trends
left join trends as previous on trends.release_year = previous.release_year + 1
