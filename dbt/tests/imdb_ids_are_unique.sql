-- One movie that TMDb has twice counts twice in every figure: this warns of it until TMDb merges the two.
-- Only a person can say which of them is right, so neither is left out.
{{ config(severity="warn") }}

select imdb_id, count(*) as movies
from {{ ref("silver_movies") }}
where imdb_id is not null and not is_deleted
group by imdb_id
having count(*) > 1
