-- Exactly the movies that are not deleted are in fact_movies, in dim_movies and in each bridge.
-- The test compares counts, because they are cheap.
{% set bridges = ["genres", "companies", "countries", "languages"] %}

with
    counts as (
        select
            (select count(*) from {{ ref("silver_movies") }} where not is_deleted) as movies,
            (select count(*) from {{ ref("fact_movies") }}) as facts,
            (select count(*) from {{ ref("dim_movies") }}) as described,
            {% for bridge in bridges %}
                (select count(*) from {{ ref("bridge_movie_" ~ bridge) }} where position = 1) as in_{{ bridge }}
                {{- "," if not loop.last }}
            {% endfor %}
    )

select *
from counts
where movies <> facts or movies <> described {% for bridge in bridges %} or movies <> in_{{ bridge }} {% endfor %}
