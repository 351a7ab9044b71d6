{# ---- The movies that the marts count ----
   This file has each definition once. `fact_movies` and `fact_released_features` have them as columns, so that analysts can
   use them too. The measures of the marts are in metrics.json. #}
{# Whether a movie is released, by its status and, if it has one, by its date. The date is compared with the day of the
   answer, not of the run, so that a run changes no row without a new record. #}
{# mutant: figures.released #}
{% macro is_released(documents) -%}
    coalesce(
        {{ documents }}.status = 'Released'
        and (
            {{ documents }}.release_date is null
            or {{ documents }}.release_date <= cast({{ documents }}._fetched_at as date)
        ),
        false
    )
{%- endmacro %}

{# Whether a movie is released and is a feature: not adult, not a video release, not soft pornography. A missing flag counts
   as false. #}
{# mutant: figures.released-feature #}
{% macro is_released_feature(movies) -%}
    (
        {{ movies }}.is_released
        and not coalesce({{ movies }}.adult, false)
        and not coalesce({{ movies }}.video, false)
        and not coalesce({{ movies }}.softcore, false)
    )
{%- endmacro %}

{# Whether budget and revenue are plausible. Anyone can enter them at TMDb: the floors exclude placeholders, amounts in
   millions, and invented amounts that few users have checked. The ceiling excludes amounts that no movie has, and sums of
   what is below it fit 64 bits. #}
{# mutant: figures.known-money #}
{% macro is_money_known(movies) -%}
    coalesce(
        {{ movies }}.budget_usd >= {{ var("money_budget_floor_usd") }}
        and {{ movies }}.revenue_usd >= {{ var("money_revenue_floor_usd") }}
        and {{ movies }}.vote_count >= {{ var("money_vote_floor") }}
        and {{ movies }}.budget_usd <= {{ var("money_ceiling_usd") }}
        and {{ movies }}.revenue_usd <= {{ var("money_ceiling_usd") }},
        false
    )
{%- endmacro %}

{# The mean of exact numbers, so that the result does not depend on the order of rows. #}
{% macro exact_mean(value, digits) -%}
    round(cast(sum({{ value }}) as double) / nullif(count({{ value }}), 0), {{ digits }})
{%- endmacro %}

{# IMDb's formula for its list of top movies, (v / (v + m)) * R + (m / (v + m)) * C: the fewer votes a movie has, the nearer
   its rating is to the mean of all movies. The sum is computed with exact numbers, so that warehouses agree on ranks.
   https://help.imdb.com/article/imdb/track-movies-tv/ratings-faq/G67Y87TFYYP6TWAV #}
{# mutant: figures.weighted-rating #}
{% macro weighted_rating(vote_average, vote_count, mean_vote) -%}
    {%- set m = var("rating_vote_floor") -%}
    round(
        cast(
            cast({{ vote_average }} as decimal(5, 3)) * cast({{ vote_count }} as decimal(10, 0))
            + cast({{ mean_vote }} as decimal(6, 4)) * {{ m }} as double
        )
        / ({{ vote_count }} + {{ m }}),
        6
    )
{%- endmacro %}
