-- If TMDb has a movie twice, the movie counts twice in every figure. This test warns until TMDb merges the two.
-- Only a person can decide which one is right, so both count.
{{ config(severity="warn") }}

select imdb_id, count(*) as movies
from {{ ref("silver_movies") }}
where imdb_id is not null and not is_deleted
group by imdb_id
{# mutant: doubles.imdb-ids #}
having count(*) > 1
