{# The query of a view of `kpi_top_movies` with the ranks of one metric: a sum or mean of it never mixes units. #}
{% macro top_movies_by(metric) %}
    select
        rank,
        movie_sk,
        movie_id,
        title,
        release_year,
        revenue_usd,
        budget_usd,
        profit_usd,
        roi_pct,
        vote_average,
        vote_count,
        weighted_rating,
        popularity,
        answered_at
    from {{ same_database(ref("kpi_top_movies")) }}
    {# mutant: gold.one-metric #}
    where metric = '{{ metric }}'
{% endmacro %}
