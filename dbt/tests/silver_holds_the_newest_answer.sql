-- No record of the newest batches is newer than the row of its movie in SILVER.
-- To compare all batches would need a scan of BRONZE.
with
    newest_batches as (
        select sealed.load_seq, sealed.batch_id
        from {{ source("run_log", "sealed_batches") }} as sealed
        where sealed.run_seq = (select max(every.run_seq) from {{ source("run_log", "sealed_batches") }} as every)
    )

select records.movie_id, records.batch_id, records.kafka_offset
from {{ source("bronze", "raw_movies") }} as records
inner join newest_batches on records.load_seq = newest_batches.load_seq and records.batch_id = newest_batches.batch_id
left join {{ ref("silver_movies") }} as movies on records.movie_id = movies.movie_id
where
    records.http_status = 200
    and records.movie_id > 0
    and {{ is_believable("records.fetched_at", "records.ingested_at") }}
    and (movies.movie_id is null or movies._document_fetched_at < records.fetched_at)
