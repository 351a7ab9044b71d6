-- Grain: one row per genre that a released feature has. A movie counts under each of its genres.
{{ config(materialized="table") }}

with
    performance as (
        select bridge.genre_sk, {{ movie_measures() }}
        from {{ ref("bridge_movie_genres") }} as bridge
        inner join {{ ref("fact_released_features") }} as movies on bridge.movie_id = movies.movie_id
        group by bridge.genre_sk
    )

select performance.*, genres.genre_id, genres.genre_name
from performance
inner join {{ ref("dim_genres") }} as genres on performance.genre_sk = genres.genre_sk
