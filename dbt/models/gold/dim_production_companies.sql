-- Grain: one row per production company, and the unknown member.
-- The query returns a company that is gone from SILVER as a row without a key, which takes it out (see `replace`).
{{
    config(
        materialized="incremental",
        incremental_strategy="replace",
        unique_key="company_id",
        meta={"keep_if": "company_sk is not null"},
    )
}}

select {{ surrogate_key(["company_id"]) }} as company_sk, company_id, company_name, origin_country, _run_seq
from {{ ref("silver_production_companies") }}
where {{ is_unseen() }}
union all
{% if is_incremental() %}
    select null as company_sk, known.company_id, null as company_name, null as origin_country, null as _run_seq
    from {{ this }} as known
    left join {{ ref("silver_production_companies") }} as companies on known.company_id = companies.company_id
    where known.company_id <> {{ unknown_id() }} and companies.company_id is null
{% else %}
    select
        {{ surrogate_key([unknown_id()]) }} as company_sk,
        {{ unknown_id() }} as company_id,
        'Unknown' as company_name,
        null as origin_country,
        0 as _run_seq
{% endif %}
