-- Grain: one row per day of the calendar, and the unknown member.
-- The calendar never changes: only a full refresh writes it.
{{ config(incremental_strategy="append") }}

{% set months = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
] %}
{% set days_of_week = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"] %}

with
    days as ({{ days(var("first_date"), var("last_date")) }}),

    parts as (
        select
            full_date,
            cast(extract(year from full_date) as integer) as year,
            cast(extract(quarter from full_date) as integer) as quarter,
            cast(extract(month from full_date) as integer) as month,
            -- 1 is Monday; 1873-12-29 was a Monday.
            cast(mod(full_date - cast('1873-12-29' as date), 7) + 1 as integer) as day_of_week
        from days
    )

select
    {{ date_sk("full_date") }} as date_sk,
    full_date,
    year,
    quarter,
    month,
    day_of_week,
    day_of_week >= 6 as is_weekend,
    year - mod(year, 10) as decade,
    case month {% for name in months %} when {{ loop.index }} then '{{ name }}'{% endfor %} end as month_name,
    case day_of_week {% for name in days_of_week %} when {{ loop.index }} then '{{ name }}'{% endfor %} end as day_name,
    cast(year as varchar) || '-' || lpad(cast(month as varchar), 2, '0') as year_month
from parts
{% if is_incremental() %} where false{% endif %}
union all
select
    {{ unknown_id() }} as date_sk,
    null as full_date,
    null as year,
    null as quarter,
    null as month,
    null as day_of_week,
    null as is_weekend,
    null as decade,
    null as month_name,
    null as day_name,
    null as year_month
{% if is_incremental() %} where false{% endif %}
