-- Grain: one row per production company, and the unknown member.
-- A company's name can change because a movie goes away, which leaves no newer row. So the rows are compared.
-- A company that SILVER no longer has is returned without a key, which removes it (see `replace`).
{{ config(unique_key="company_id", meta={"keep_if": "company_sk is not null"}) }}

with
    members as (
        select
            {{ surrogate_key(["company_id"]) }} as company_sk,
            company_id,
            {{ name_or_id("company_name", "Company", "company_id") }} as company_name,
            origin_country
        from {{ ref("silver_production_companies") }}
        union all
        select
            {{ surrogate_key([unknown_id()]) }} as company_sk,
            {{ unknown_id() }} as company_id,
            'Unknown' as company_name,
            null as origin_country
    )

{% if is_incremental() %}
    select
        members.company_sk,
        members.company_name,
        members.origin_country,
        coalesce(members.company_id, known.company_id) as company_id
    from members
    full join {{ this }} as known on members.company_id = known.company_id
    where
        members.company_id is null
        or known.company_id is null
        or members.company_name is distinct from known.company_name
        or members.origin_country is distinct from known.origin_country
{% else %} select company_sk, company_name, origin_country, company_id from members
{% endif %}
