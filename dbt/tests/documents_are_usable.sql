-- TMDb's data changes: an unreadable field is NULL, and this test warns until a newer document fixes it.
-- `silver_movies.unusable_fields` names the fields.
{{ config(severity="warn") }}

select movie_id, unusable_fields
from {{ ref("silver_movies") }}
where unusable_fields is not null
