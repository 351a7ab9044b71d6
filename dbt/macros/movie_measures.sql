{# ---- The measures that the marts share ----
   Sums and means run over exact numbers, so that they come out alike in whatever order rows are read. #}
{% macro money_sum(amount) -%} cast(sum({{ amount }}) as decimal(38, 0)){%- endmacro %}
{% macro exact_mean(value, digits) -%}
    round(cast(sum({{ value }}) as double) / nullif(count({{ value }}), 0), {{ digits }})
{%- endmacro %}
{% macro has_roi() -%} roi_pct is not null and budget_usd >= {{ var("roi_budget_floor_usd") }}{%- endmacro %}
{% macro movie_measures() -%}
    count(*) as movie_count,
    count(revenue_usd) as revenue_movie_count,
    {{ money_sum("revenue_usd") }} as total_revenue_usd,
    {{ exact_mean("revenue_usd", 2) }} as average_revenue_usd,
    count(budget_usd) as budget_movie_count,
    {{ money_sum("budget_usd") }} as total_budget_usd,
    {{ exact_mean("budget_usd", 2) }} as average_budget_usd,
    count(case when {{ has_roi() }} then 1 end) as roi_movie_count,
    {{ money_sum("case when " ~ has_roi() ~ " then profit_usd end") }} as total_profit_usd,
    {{ exact_mean("case when " ~ has_roi() ~ " then cast(roi_pct as decimal(38, 6)) end", 4) }} as average_roi_pct,
    round(
        cast(sum(case when {{ has_roi() }} then profit_usd end) as double)
        * 100
        / sum(case when {{ has_roi() }} then budget_usd end),
        4
    ) as overall_roi_pct,
    {{ exact_mean("cast(vote_average as decimal(5, 3))", 4) }} as average_vote,
    round(
        cast(sum(cast(vote_average as decimal(5, 3)) * cast(vote_count as decimal(10, 0))) as double)
        / nullif(sum(case when vote_average is not null then vote_count end), 0),
        4
    ) as weighted_vote,
    cast(sum(vote_count) as decimal(38, 0)) as total_vote_count,
    {{ exact_mean("cast(popularity as decimal(18, 6))", 4) }} as average_popularity
{%- endmacro %}
