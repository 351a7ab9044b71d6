-- Each row of a bridge points to a movie of fact_movies and to a member of its dimension.
-- The movie of a changed row has changed too, so in an incremental build both sides contain only changed movies.
-- One test instead of one for each key, because dbt's own work for a test costs more than the query.
{{ config(where="movie_id in __changed_movies__") }}

{% set dimensions = {
    "genres": ["dim_genres", "genre_sk"],
    "companies": ["dim_production_companies", "company_sk"],
    "countries": ["dim_countries", "country_sk"],
    "languages": ["dim_languages", "language_sk"],
} %}

with movies as (select movie_sk from {{ get_where_subquery(ref("fact_movies")) }})

{% for bridge, (dimension, key) in dimensions.items() %}
    select
        '{{ bridge }}' as bridge,
        listed.movie_id,
        listed.{{ key }} as member_sk,
        movies.movie_sk is not null as has_movie
    from (select * from {{ get_where_subquery(ref("bridge_movie_" ~ bridge)) }}) as listed
    left join movies on listed.movie_sk = movies.movie_sk
    left join {{ ref(dimension) }} as members on listed.{{ key }} = members.{{ key }}
    where movies.movie_sk is null or members.{{ key }} is null {{ "union all" if not loop.last }}
{% endfor %}
