-- Grain: one row per path, JSON type and text of a document that the pinned shape does not have.
{{ config(materialized="view") }}

with
    pinned as (
        select pinned_types.path, pinned_types.json_type
        from
            (
                values
                    ('$', 'object')
                    {%- for path, types in pinned_shape().items() %}
                        {%- for type in types.split(" ") %}, ('{{ path }}', '{{ type }}') {%- endfor %}
                    {%- endfor %}
            ) as pinned_types(path, json_type)
    ),

    pinned_paths as (select distinct path from pinned),

    newest as (select max(last_seen_at) as seen_at from {{ same_database(ref("silver_document_shapes")) }}),

    -- What contains the value: NULL for a key of the document. If that is not pinned itself, only it is reported.
    placed as (
        select
            shapes.*,
            case
                when shapes.path like '%[]'
                then substr(shapes.path, 1, length(shapes.path) - 2)
                when position('.' in shapes.path) > 0
                then substr(shapes.path, 1, position('.' in shapes.path) - 1)
            end as container_path,
            case when shapes.path like '%[]' then 'array' else 'object' end as container_type
        from {{ same_database(ref("silver_document_shapes")) }} as shapes
    )

select
    shapes.path,
    shapes.json_type,
    shapes.text_value,
    shapes.occurrences,
    shapes.first_seen_at,
    shapes.last_seen_at,
    shapes.example_movie_id,
    shapes._run_seq,
    shapes.last_seen_at >= newest.seen_at - interval '{{ var("drift_days") }} days' as is_recent,
    case
        when shapes.json_type = 'missing'
        then 'vanished key'
        when shapes.json_type = 'unreadable'
        then 'unreadable document'
        when pinned_paths.path is null
        then 'new key'
        when pinned.path is not null
        then 'new value'
        when shapes.json_type = 'null'
        then 'newly null'
        else 'other type'
    end as kind
from placed as shapes
left join pinned on shapes.path = pinned.path and shapes.json_type = pinned.json_type
left join pinned_paths on shapes.path = pinned_paths.path
left join pinned as container on shapes.container_path = container.path and shapes.container_type = container.json_type
-- Last: DuckDB stores it as a comma, after which the joins above would not see `shapes`.
cross join newest
where
    (shapes.container_path is null or container.path is not null)
    and (
        pinned.path is null
        {% for path, texts in pinned_values().items() %}
            or (shapes.path = '{{ path }}' and shapes.text_value not in ('', '{{ texts | join("', '") }}'))
        {% endfor %}
    )
