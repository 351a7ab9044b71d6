-- Exactly the movies that are not deleted are in fact_movies and in both bridges.
-- The test compares counts, because they are cheap.
with
    counts as (
        select
            (select count(*) from {{ ref("silver_movies") }} where not is_deleted) as movies,
            (select count(*) from {{ ref("fact_movies") }}) as facts,
            (select count(*) from {{ ref("bridge_movie_genres") }} where position = 1) as in_genres,
            (select count(*) from {{ ref("bridge_movie_companies") }} where position = 1) as in_companies
    )

select movies, facts, in_genres, in_companies
from counts
where movies <> facts or movies <> in_genres or movies <> in_companies
