{# ---- The movies that the marts count, and the measures that they share ----
   This file has each definition once. `fact_movies` has the first three as columns, so that analysts can use them too. #}
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
   millions, and invented amounts that few users have checked. #}
{# mutant: figures.known-money #}
{% macro is_money_known(movies) -%}
    coalesce(
        {{ movies }}.budget_usd >= {{ var("money_budget_floor_usd") }}
        and {{ movies }}.revenue_usd >= {{ var("money_revenue_floor_usd") }}
        and {{ movies }}.vote_count >= {{ var("money_vote_floor") }},
        false
    )
{%- endmacro %}

{# The movies that the marts count. `current_popularity` is NULL if the answer is old: TMDb computes popularity each day,
   and a movie that has left the list is not fetched again. Age is counted from the newest answer, not from the clock, so
   that a run with nothing new changes nothing. #}
{# mutant: figures.counted-movies #}
{% macro counted_movies() -%}
    select
        movies.*,
        case
            when movies.answered_at >= newest.answered_at - interval '{{ var("popularity_max_age_days") }} days'
            then movies.popularity
        end as current_popularity
    from {{ ref("fact_movies") }} as movies
    cross join (select max(answered_at) as answered_at from {{ ref("fact_movies") }}) as newest
    where movies.is_released_feature
{%- endmacro %}

{# Sums and means use exact numbers, so that the result does not depend on the order of rows. #}
{% macro money_sum(amount) -%} cast(sum({{ amount }}) as decimal(38, 0)){%- endmacro %}
{% macro exact_mean(value, digits) -%}
    round(cast(sum({{ value }}) as double) / nullif(count({{ value }}), 0), {{ digits }})
{%- endmacro %}
{# For an even number of values, the median is the mean of the two middle values; NULL for no values. `digits` must exceed
   those of the values: a mean of two that ends in a 5 would otherwise be rounded up or down by a bit that differs from one
   engine to another. #}
{# mutant: figures.quantile #}
{% macro quantile(fraction, value, digits) -%}
    round(percentile_cont({{ fraction }}) within group (order by cast({{ value }} as double)), {{ digits }})
{%- endmacro %}
{% macro spread(value, name, digits) -%}
    {{ quantile(0.25, value, digits) }} as lower_quartile_{{ name }},
    {{ quantile(0.5, value, digits) }} as median_{{ name }},
    {{ quantile(0.75, value, digits) }} as upper_quartile_{{ name }}
{%- endmacro %}
{% macro if_money_is_known(value) -%} case when is_money_known then {{ value }} end{%- endmacro %}

{# All money figures count the same movies, so that profit is revenue minus budget in each row. #}
{% macro movie_measures() -%}
    count(*) as movie_count,
    count(case when is_money_known then 1 end) as money_movie_count,
    {% for amount in ["revenue_usd", "budget_usd", "profit_usd"] %}
        {{ money_sum(if_money_is_known(amount)) }} as total_{{ amount }},
        {{ exact_mean(if_money_is_known(amount), 2) }} as average_{{ amount }},
        {{ spread(if_money_is_known(amount), amount, 2) }},
    {% endfor %}
    {{ exact_mean("cast(" ~ if_money_is_known("roi_pct") ~ " as decimal(38, 6))", 4) }} as average_roi_pct,
    {{ spread(if_money_is_known("roi_pct"), "roi_pct", 4) }},
    round(
        cast(sum({{ if_money_is_known("profit_usd") }}) as double) * 100 / sum({{ if_money_is_known("budget_usd") }}), 4
    ) as overall_roi_pct,
    {{ exact_mean("cast(vote_average as decimal(5, 3))", 4) }} as average_vote,
    {{ quantile(0.5, "vote_average", 4) }} as median_vote,
    round(
        cast(sum(cast(vote_average as decimal(5, 3)) * cast(vote_count as decimal(10, 0))) as double)
        / nullif(sum(case when vote_average is not null then vote_count end), 0),
        4
    ) as weighted_vote,
    cast(sum(vote_count) as decimal(38, 0)) as total_vote_count,
    count(current_popularity) as popularity_movie_count,
    {{ exact_mean("cast(current_popularity as decimal(18, 6))", 4) }} as average_popularity,
    {{ quantile(0.5, "current_popularity", 6) }} as median_popularity
{%- endmacro %}
