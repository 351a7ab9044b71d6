-- Grain: one row per path, JSON type and, for keys with few texts, text that a document ever had.
-- Counts accumulate. A full refresh would lose those of answers that BRONZE no longer has, so it keeps the table.
{{ config(unique_key="shape_sk", full_refresh=false, meta={"keep_if": "occurrences is not null"}) }}

{% set columns = ["movie_id", "fetched_at", "run_seq"] %}
{% set of_keys = ["movie_id", "fetched_at", "run_seq", "path"] %}

with
    unseen_answers as ({{ unseen_answers([200]) }}),

    unseen_documents as ({{ documents_of("unseen_answers") }}),

    -- A batch that had another number when this model saw it.
    renumbered_batches as (
        select distinct unseen.load_seq, unseen.batch_id, unseen.run_seq
        from ({{ unseen_batches() }}) as unseen
        inner join
            {{ source("run_log", "sealed_batches") }} as earlier
            on unseen.batch_id = earlier.batch_id
            and unseen.load_seq <> earlier.load_seq
        where not ({{ is_unseen("earlier.run_seq") }})
    ),

    renumbered_documents as (
        select batches.load_seq, batches.batch_id, {{ document_after_join("records", "batches") }} as document
        from {{ source("bronze", "raw_movies") }} as records
        inner join
            renumbered_batches as batches on records.load_seq = batches.load_seq and records.batch_id = batches.batch_id
    ),

    -- A purge renumbers the batch of an expired document. The other documents of the batch have been counted.
    purged_batches as (
        select distinct load_seq, batch_id
        from renumbered_documents
        {# mutant: dbt.shapes-purged #}
        where {{ is_expired("document") }}
    ),

    -- The last ones of a large run, and fewer if appended parts make each document ten times as large.
    -- The columns are narrow, because the wide ones of all documents would be sorted too.
    newest_documents as (
        select unseen.movie_id, unseen.fetched_at, unseen.load_seq, unseen.kafka_offset, unseen.run_seq
        from unseen_documents as unseen
        left join
            purged_batches on unseen.load_seq = purged_batches.load_seq and unseen.batch_id = purged_batches.batch_id
        -- The purge gives batches new numbers. Their documents would otherwise take the place of new ones.
        where purged_batches.batch_id is null and not {{ is_expired("unseen.document") }}
        order by unseen.load_seq desc, unseen.kafka_offset desc
        limit {{ var("drift_documents_per_run") | int // (5 if env_var("TMDB_APPEND", "") else 1) }}
    ),

    documents as (
        select newest.movie_id, newest.fetched_at, newest.run_seq, {{ json_whole("newest.document") }} as document
        from ({{ documents_of("newest_documents") }}) as newest
        where {{ json_is_small("newest.document") }}
    ),

    roots as (
        select
            movie_id,
            fetched_at,
            run_seq,
            case when document is null then 'unreadable' else {{ json_kind("document") }} end as json_type
        from documents
    ),

    members as {{ materialized() }} (
        select
            member.movie_id,
            member.fetched_at,
            member.run_seq,
            member.member_name as path,
            {{ json_kind("member.value") }} as json_type,
            -- Only of these keys: the value of `credits` alone can be ten times as large as the rest of the document.
            case
                when member.member_name in ('{{ (opened_keys() + pinned_values() | list) | join("', '") }}')
                then member.value
            end as value
        from ({{ json_members("documents", columns, "document") }}) as member
    ),

    opened as (select * from members where path in ('{{ opened_keys() | join("', '") }}')),

    elements as (
        select
            element.movie_id,
            element.fetched_at,
            element.run_seq,
            element.path || '[]' as path,
            element.value,
            {{ json_kind("element.value") }} as json_type
        from ({{ json_elements("opened", of_keys, "opened.value") }}) as element
    ),

    nested as (
        select movie_id, fetched_at, run_seq, path as object_path, value
        from opened
        where json_type = 'object'
        union all
        select movie_id, fetched_at, run_seq, path as object_path, value
        from elements
        where json_type = 'object'
    ),

    nested_members as (
        select
            member.movie_id,
            member.fetched_at,
            member.run_seq,
            member.object_path || '.' || member.member_name as path,
            member.value,
            {{ json_kind("member.value") }} as json_type
        from ({{ json_members("nested", columns + ["object_path"], "nested.value") }}) as member
    ),

    present as (
        select movie_id, fetched_at, run_seq, path from members where path in ('{{ required_keys() | join("', '") }}')
    ),

    missing as (
        select roots.movie_id, roots.fetched_at, roots.run_seq, required.path
        from roots
        cross join (values ('{{ required_keys() | join("'), ('") }}')) as required(path)
        left join
            present
            on roots.movie_id = present.movie_id
            and roots.fetched_at = present.fetched_at
            and required.path = present.path
        where present.path is null and roots.json_type = 'object'
    ),

    found as (
        {% for relation in ["members", "elements", "nested_members"] %}
            select
                movie_id,
                fetched_at,
                run_seq,
                path,
                json_type,
                case
                    when json_type = 'string' and path in ('{{ pinned_values() | join("', '") }}')
                    then substr({{ json_string_text("value") }}, 1, 100)
                    else ''
                end as text_value
            from {{ relation }}
            union all
        {% endfor %}
        select movie_id, fetched_at, run_seq, path, 'missing' as json_type, '' as text_value
        from missing
        union all
        select movie_id, fetched_at, run_seq, '$' as path, json_type, '' as text_value
        from roots
    ),

    counted as (
        select
            json_type,
            text_value,
            substr(path, 1, 200) as path,
            count(*) as occurrences,
            min(fetched_at) as first_seen_at,
            max(fetched_at) as last_seen_at,
            min(movie_id) as example_movie_id,
            max(run_seq) as _run_seq
        from found
        group by substr(path, 1, 200), json_type, text_value
        -- A document can have any number of keys.
        order by count(*) desc, substr(path, 1, 200) asc, json_type asc, text_value asc
        limit 1000
    )

select
    counted.path,
    counted.json_type,
    counted.text_value,
    counted.example_movie_id,
    counted._run_seq,
    {{ surrogate_key(["counted.json_type", "length(counted.path)", "counted.path", "counted.text_value"]) }}
    as shape_sk,
    {% if is_incremental() %}
        cast(counted.occurrences + coalesce(known.occurrences, 0) as bigint) as occurrences,
        least(counted.first_seen_at, coalesce(known.first_seen_at, counted.first_seen_at)) as first_seen_at,
        greatest(counted.last_seen_at, coalesce(known.last_seen_at, counted.last_seen_at)) as last_seen_at
    {% else %} cast(counted.occurrences as bigint) as occurrences, counted.first_seen_at, counted.last_seen_at
    {% endif %}
from counted
{% if is_incremental() %}
    left join
        {{ this }} as known
        on counted.path = known.path
        and counted.json_type = known.json_type
        and counted.text_value = known.text_value

    -- What no document of the retention has is returned without a count, which clears its row.
    union all
    select
        known.path,
        known.json_type,
        known.text_value,
        known.example_movie_id,
        known._run_seq,
        known.shape_sk,
        cast(null as bigint) as occurrences,
        known.first_seen_at,
        known.last_seen_at
    from {{ this }} as known
    left join
        counted
        on known.path = counted.path
        and known.json_type = counted.json_type
        and known.text_value = counted.text_value
    where counted.path is null and known.last_seen_at < {{ before_this_run(var("drift_memory_days")) }}
{% endif %}
