-- Grain: one row per movie and version, as in silver_movie_history.
-- A view: analysts read GOLD only, and a copy would need as much space again.
{{ config(materialized="view") }}

select
    {{ surrogate_key(["history.movie_id"]) }} as movie_sk,
    history.movie_id,
    history.version_number,
    history.valid_from,
    history.valid_to,
    history.is_current,
    history.changed_columns,
    history.is_deleted,
    {{ title_or_id("history") }} as title,
    history.original_title,
    history.status,
    history.release_date,
    history.runtime_minutes as runtime,
    history.budget_usd,
    history.revenue_usd
from {{ same_database(ref("silver_movie_history")) }} as history
