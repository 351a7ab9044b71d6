-- TMDb's data drifts: a field that cannot be read is NULL, and this warns of it. `silver_movies.unusable_fields` says
-- which.
{{ config(severity="warn", where="movie_id in __changed_movies__") }}

select movie_id, unusable_fields
from {{ ref("silver_movies") }}
where unusable_fields is not null
