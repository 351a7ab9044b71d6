{# ---- Parts that TMDb adds to the details of a movie, if TMDB_APPEND names them ----
   Their models exist only while the setting names the part: otherwise, each build would take longer for tables without rows. #}
{# The table of each model with its part. #}
{% macro tables_of_parts() %}
    {{
        return(
            {
                "silver_movie_cast": "credits",
                "silver_movie_crew": "credits",
                "silver_movie_keywords": "keywords",
                "silver_movie_releases": "release_dates",
            }
        )
    }}
{% endmacro %}

{# Statements that drop the tables of parts that the setting no longer names: no build and no purge would change their rows. #}
{% macro drop_parts_without_model() %}
    {% for table, part in tables_of_parts().items() if part not in env_var("TMDB_APPEND", "") %}
        {% set relation = adapter.get_relation(target.database, generate_schema_name("silver", none), table) %}
        {% if relation %}
            drop table {{ relation }}
            ;
        {% endif %}
    {% endfor %}
{% endmacro %}

{# Two queries for WITH: the changed movies, and for those whose newest document was asked for the part, the list of the document, such
   as `credits.cast`. The model reads it from BRONZE, because parts can be ten times as large as the rest of a document: a column of
   silver_movies would copy them. The URL is compared first, because a check of the document costs as much as parsing it. #}
{% macro part_lists(part, list) %}
    changed_movies as (
        select movie_id, _document_load_seq, _document_kafka_offset, _document_fetched_at, _run_seq
        from {{ ref("silver_movies") }}
        where {{ is_unseen() }}
    ),

    part_documents as (
        select records.movie_id, {{ json_lists("records.raw_data", [list]) }} as nested
        from {{ source("bronze", "raw_movies") }} as records
        inner join
            changed_movies as changed
            on records.load_seq = changed._document_load_seq
            and records.kafka_offset = changed._document_kafka_offset
        where records.source_url like '%append_to_response=%{{ part }}%'
    ),

    part_lists as (select movie_id, {{ json_array("nested", [list], list) }} as part_list from part_documents)
{% endmacro %}
