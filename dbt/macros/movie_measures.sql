-- fmt: off
{# The measures of each KPI table: aggregates over `fact_released_features`. `npm run docs` writes this file from metrics.json. #}
{% macro movie_measures() -%}
    count(*) as movie_count,
    count(case when is_money_known then 1 end) as money_movie_count,
    cast(sum(known_revenue_usd) as bigint) as total_revenue_usd,
    round(cast(sum(known_revenue_usd) as double) / nullif(count(known_revenue_usd), 0), 2) as average_revenue_usd,
    round(percentile_cont(0.25) within group (order by cast(known_revenue_usd as double)), 2) as lower_quartile_revenue_usd,
    {# mutant: figures.quantile #}
    round(percentile_cont(0.5) within group (order by cast(known_revenue_usd as double)), 2) as median_revenue_usd,
    round(percentile_cont(0.75) within group (order by cast(known_revenue_usd as double)), 2) as upper_quartile_revenue_usd,
    cast(sum(known_budget_usd) as bigint) as total_budget_usd,
    round(cast(sum(known_budget_usd) as double) / nullif(count(known_budget_usd), 0), 2) as average_budget_usd,
    round(percentile_cont(0.25) within group (order by cast(known_budget_usd as double)), 2) as lower_quartile_budget_usd,
    round(percentile_cont(0.5) within group (order by cast(known_budget_usd as double)), 2) as median_budget_usd,
    round(percentile_cont(0.75) within group (order by cast(known_budget_usd as double)), 2) as upper_quartile_budget_usd,
    cast(sum(known_profit_usd) as bigint) as total_profit_usd,
    round(cast(sum(known_profit_usd) as double) / nullif(count(known_profit_usd), 0), 2) as average_profit_usd,
    round(percentile_cont(0.25) within group (order by cast(known_profit_usd as double)), 2) as lower_quartile_profit_usd,
    round(percentile_cont(0.5) within group (order by cast(known_profit_usd as double)), 2) as median_profit_usd,
    round(percentile_cont(0.75) within group (order by cast(known_profit_usd as double)), 2) as upper_quartile_profit_usd,
    round(cast(sum(cast(known_roi_pct as decimal(38, 6))) as double) / nullif(count(known_roi_pct), 0), 4) as average_roi_pct,
    round(percentile_cont(0.25) within group (order by known_roi_pct), 4) as lower_quartile_roi_pct,
    round(percentile_cont(0.5) within group (order by known_roi_pct), 4) as median_roi_pct,
    round(percentile_cont(0.75) within group (order by known_roi_pct), 4) as upper_quartile_roi_pct,
    round(cast(sum(known_profit_usd) as double) * 100 / nullif(sum(known_budget_usd), 0), 4) as overall_roi_pct,
    round(cast(sum(cast(vote_average as decimal(5, 3))) as double) / nullif(count(vote_average), 0), 4) as average_vote,
    round(percentile_cont(0.5) within group (order by vote_average), 4) as median_vote,
    round(cast(sum(cast(vote_average as decimal(5, 3)) * cast(vote_count as decimal(10, 0))) as double) / nullif(sum(case when vote_average is not null then vote_count end), 0), 4) as weighted_vote,
    cast(sum(vote_count) as bigint) as total_vote_count,
    count(current_popularity) as popularity_movie_count,
    round(cast(sum(cast(current_popularity as decimal(18, 6))) as double) / nullif(count(current_popularity), 0), 4) as average_popularity,
    round(percentile_cont(0.5) within group (order by current_popularity), 6) as median_popularity
{%- endmacro %}
