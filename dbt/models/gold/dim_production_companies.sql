-- Grain: one row per production company, and the unknown member.
{{ config(materialized='table') }}

select {{ surrogate_key(['company_id']) }} as company_sk, company_id, company_name, origin_country
from {{ ref('silver_production_companies') }}
union all
select
    {{ surrogate_key([unknown_id()]) }} as company_sk,
    {{ unknown_id() }} as company_id,
    'Unknown' as company_name,
    null as origin_country
