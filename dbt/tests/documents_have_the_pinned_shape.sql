-- TMDb adds keys and changes types without notice. `TRANSFORM_DRIFT` decides: observe, warn, or fail the
-- build. `silver_drift` lists the differences in each case.
{% set mode = env_var("TRANSFORM_DRIFT", "observe") %}
{{ config(enabled=mode != "observe", severity="error" if mode == "fail" else "warn") }}

select kind, path, json_type, text_value, example_movie_id
from {{ ref("silver_drift") }}
where is_recent
