-- Grain: one row per day of the calendar, and the unknown member.
-- The calendar never changes: only a full refresh writes it.
{{ config(materialized="incremental", incremental_strategy="append") }}

with days as ({{ days(var("first_date"), var("last_date")) }})

select
    {{ date_sk("full_date") }} as date_sk,
    full_date,
    cast(extract(year from full_date) as integer) as year,
    cast(extract(quarter from full_date) as integer) as quarter,
    cast(extract(month from full_date) as integer) as month,
    -- 1 is Monday; 1873-12-29 was a Monday.
    cast(mod(full_date - cast('1873-12-29' as date), 7) + 1 as integer) as day_of_week,
    mod(full_date - cast('1873-12-29' as date), 7) >= 5 as is_weekend
from days
{% if is_incremental() %} where false{% endif %}
union all
select
    {{ unknown_id() }} as date_sk,
    null as full_date,
    null as year,
    null as quarter,
    null as month,
    null as day_of_week,
    null as is_weekend
{% if is_incremental() %} where false{% endif %}
