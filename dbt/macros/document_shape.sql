{# ---- The pinned shape of TMDb's documents ----
   The JSON types of each key that TMDb is known to send: OpenAPI of TMDb (June 2026) and recorded answers of 2019, 2025 and
   2026. `missing` means that a document may lack the key. SILVER was written for this shape; `silver_drift` lists what differs.
   The members of the lists and objects in `opened_keys` are compared too, those of other keys are not. #}
{% macro pinned_shape() %}
    {{
        return(
            {
                "adult": "boolean",
                "backdrop_path": "string null",
                "belongs_to_collection": "object null",
                "belongs_to_collection.backdrop_path": "string null",
                "belongs_to_collection.id": "number",
                "belongs_to_collection.name": "string",
                "belongs_to_collection.poster_path": "string null",
                "budget": "number",
                "credits": "object missing",
                "genres": "array",
                "genres[]": "object",
                "genres[].id": "number",
                "genres[].name": "string",
                "homepage": "string null",
                "id": "number",
                "imdb_id": "string null",
                "keywords": "object missing",
                "origin_country": "array missing",
                "origin_country[]": "string",
                "original_language": "string",
                "original_title": "string",
                "overview": "string null",
                "popularity": "number",
                "poster_path": "string null",
                "production_companies": "array",
                "production_companies[]": "object",
                "production_companies[].id": "number",
                "production_companies[].logo_path": "string null",
                "production_companies[].name": "string",
                "production_companies[].origin_country": "string",
                "production_countries": "array",
                "production_countries[]": "object",
                "production_countries[].iso_3166_1": "string",
                "production_countries[].name": "string",
                "release_date": "string",
                "release_dates": "object missing",
                "revenue": "number",
                "runtime": "number null",
                "softcore": "boolean missing",
                "spoken_languages": "array",
                "spoken_languages[]": "object",
                "spoken_languages[].english_name": "string",
                "spoken_languages[].iso_639_1": "string",
                "spoken_languages[].name": "string",
                "status": "string",
                "tagline": "string null",
                "title": "string",
                "video": "boolean",
                "vote_average": "number",
                "vote_count": "number",
            }
        )
    }}
{% endmacro %}

{# The keys whose texts are counted one by one, with the known texts. #}
{% macro pinned_values() %}
    {{ return({"status": ["Rumored", "Planned", "In Production", "Post Production", "Released", "Canceled"]}) }}
{% endmacro %}

{# The keys whose members or elements are in the pinned shape. #}
{% macro opened_keys() %}
    {%- set opened = [] -%}
    {%- for path in pinned_shape() -%}
        {%- set key = path.split("[]")[0].split(".")[0] -%}
        {%- if key != path and key not in opened -%} {%- do opened.append(key) -%} {%- endif -%}
    {%- endfor -%}
    {{ return(opened) }}
{% endmacro %}

{# The keys that each document must have. #}
{% macro required_keys() %}
    {%- set required = [] -%}
    {%- for path, types in pinned_shape().items() -%}
        {%- if "." not in path and "[]" not in path and "missing" not in types -%}
            {%- do required.append(path) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(required) }}
{% endmacro %}

{# The time so many days before this run. #}
{% macro before_this_run(days) -%} {{ dbt.dateadd("day", "-" ~ days, utc_timestamp(run_started_at)) }} {%- endmacro %}

{# ---- Reading a document of any shape ---- #}
{# The document for the macros below; NULL if the warehouse cannot read all of it. #}
{% macro json_whole(document) %} {{ return(adapter.dispatch("json_whole")(document)) }}{% endmacro %}
{% macro duckdb__json_whole(document) -%} {{ duckdb_json_call("json_extract", document, "'$'") }} {%- endmacro %}
{% macro snowflake__json_whole(document) -%} {{ document }} {%- endmacro %}

{# Whether the document has at most a million bytes. DuckDB needs memory for all members of a document, and those of TMDb have at most
   500 KB, also with credits. #}
{% macro json_is_small(document) %} {{ return(adapter.dispatch("json_is_small")(document)) }}{% endmacro %}
{% macro duckdb__json_is_small(document) -%} strlen(cast({{ document }} as varchar)) <= 1000000 {%- endmacro %}
{% macro snowflake__json_is_small(document) -%} true {%- endmacro %}

{# boolean, string, number, array, object or null. #}
{% macro json_kind(value) %} {{ return(adapter.dispatch("json_kind")(value)) }}{% endmacro %}
{% macro duckdb__json_kind(value) -%}
    case
        json_type({{ value }})
        when 'VARCHAR'
        then 'string'
        when 'BOOLEAN'
        then 'boolean'
        when 'ARRAY'
        then 'array'
        when 'OBJECT'
        then 'object'
        when 'NULL'
        then 'null'
        else 'number'
    end
{%- endmacro %}
{% macro snowflake__json_kind(value) -%}
    case
        when {{ value }} is null or is_null_value({{ value }})
        then 'null'
        when is_varchar({{ value }})
        then 'string'
        when is_boolean({{ value }})
        then 'boolean'
        when is_array({{ value }})
        then 'array'
        when is_object({{ value }})
        then 'object'
        else 'number'
    end
{%- endmacro %}

{# The text of a string. #}
{% macro json_string_text(value) %} {{ return(adapter.dispatch("json_string_text")(value)) }}{% endmacro %}
{% macro duckdb__json_string_text(value) -%} json_extract_string({{ value }}, '$') {%- endmacro %}
{% macro snowflake__json_string_text(value) -%} as_varchar({{ value }}) {%- endmacro %}

{# A query: one row (columns, member_name, value) per member of the object, no row for what is not an object. As in `json_elements`, the
   object itself is not repeated per member. #}
{% macro json_members(relation, columns, object) %}
    {{ return(adapter.dispatch("json_members")(relation, columns, object)) }}
{% endmacro %}
{% macro duckdb__json_members(relation, columns, object) -%}
    select {{ columns | join(", ") }}, unnest(keys) as member_name, unnest(members) as value
    from
        (
            select
                {{ columns | join(", ") }},
                json_keys({{ object }}) as keys,
                json_extract({{ object }}, '$.*') as members
            from {{ relation }}
            where json_type({{ object }}) = 'OBJECT'
        ) as objects
{%- endmacro %}
{% macro snowflake__json_members(relation, columns, object) -%}
    select {{ relation }}.{{ columns | join(", " ~ relation ~ ".") }}, member.key as member_name, member.value
    from {{ relation }}, lateral flatten(input => iff(is_object({{ object }}), {{ object }}, null)) as member
{%- endmacro %}

{# For a query of WITH that others read several times: DuckDB would otherwise run it once for each, with all documents in memory each
   time. #}
{% macro materialized() %} {{ return(adapter.dispatch("materialized")()) }}{% endmacro %}
{% macro duckdb__materialized() -%} materialized {%- endmacro %}
{% macro snowflake__materialized() -%} {%- endmacro %}
