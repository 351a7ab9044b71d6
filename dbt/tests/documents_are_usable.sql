-- TMDb's data drifts: a field that cannot be read is NULL, and this warns of it until a newer document fixes it.
-- `silver_movies.unusable_fields` says
-- which.
{{ config(severity="warn") }}

select movie_id, unusable_fields
from {{ ref("silver_movies") }}
where unusable_fields is not null
