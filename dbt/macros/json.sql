{# ---- Reading a JSON document, the same way on every warehouse ----
   DuckDB parses the text again for every path, so `json_opened` reads all keys at once (nine times faster) and `json_text`
   picks from the list; Snowflake's VARIANT is parsed already.
   `json_text` reads a value of any type as text, because TMDb could start to write its numbers as text. `json_string` reads
   texts only: a title that is an object is no title. `json_array` reads lists only. #}
{% macro json_opened(document, keys) %} {{ return(adapter.dispatch("json_opened")(document, keys)) }}{% endmacro %}
{% macro json_text(opened, keys, key) %} {{ return(adapter.dispatch("json_text")(opened, keys, key)) }}{% endmacro %}
{% macro json_string(document, opened, keys, key) %}
    {{ return(adapter.dispatch("json_string")(document, opened, keys, key)) }}
{% endmacro %}
{% macro json_is_object(document) %} {{ return(adapter.dispatch("json_is_object")(document)) }}{% endmacro %}
{% macro json_lists(document, keys) %} {{ return(adapter.dispatch("json_lists")(document, keys)) }}{% endmacro %}
{% macro json_array(lists, keys, key) %} {{ return(adapter.dispatch("json_array")(lists, keys, key)) }}{% endmacro %}
{# Whether there is a value that is not a list, or not an object. `type` is "array" or "object". #}
{% macro json_is_other_than(type, lists, keys, key) %}
    {{ return(adapter.dispatch("json_is_other_than")(type, lists, keys, key)) }}
{% endmacro %}
{% macro json_elements(relation, columns, array) %}
    {{ return(adapter.dispatch("json_elements")(relation, columns, array)) }}
{% endmacro %}

{# DuckDB refuses a document with half a surrogate pair ("\ud83d" alone), which JSON.parse accepts. Such halves are
   read as U+FFFD; what is no JSON at all is read as NULL. Neither may end a run. #}
{% macro duckdb__json_opened(document, keys) -%}
    {{ duckdb_json_call("json_extract_string", document, duckdb_json_paths(keys)) }}
{%- endmacro %}
{% macro duckdb__json_lists(document, keys) -%}
    {{ duckdb_json_call("json_extract", document, duckdb_json_paths(keys)) }}
{%- endmacro %}
{% macro duckdb_json_paths(keys) -%} ['$.{{ keys | join("', '$.") }}'] {%- endmacro %}
{% macro duckdb_json_call(function, document, path) -%}
    coalesce(
        try({{ function }} ({{ document }}, {{ path }})),
        try({{ function }} ({{ with_whole_surrogates(document) }}, {{ path }}))
    )
{%- endmacro %}
{% macro with_whole_surrogates(document) -%}
    replace(
        regexp_replace(
            regexp_replace(
                cast({{ document }} as varchar),
                '\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})',
                chr(1) || '\1' || chr(1) || '\2',
                'g'
            ),
            '\\u[dD][89a-fA-F][0-9a-fA-F]{2}',
            '\\ufffd',
            'g'
        ),
        chr(1),
        '\u'
    )
{%- endmacro %}
{% macro duckdb__json_text(opened, keys, key) -%} {{ opened }} [{{ keys.index(key) + 1 }}]{%- endmacro %}
{# The first character of most strings shows that they are not a number, object, list or boolean. Only for the others, the
   document is parsed once more to get the type. #}
{# mutant: types.other-than-text #}
{% macro duckdb__json_string(document, opened, keys, key) -%}
    {%- set text = duckdb__json_text(opened, keys, key) -%}
    case
        when {{ text }} is null
        then null
        when not regexp_matches({{ text }}, '^([{\[0-9-]|true$|false$)')
        then {{ text }}
        when {{ duckdb_json_call("json_type", document, "'$." ~ key ~ "'") }} = 'VARCHAR'
        then {{ text }}
    end
{%- endmacro %}
{# Only for a document that could be parsed. #}
{% macro duckdb__json_is_object(document) -%} regexp_matches(cast({{ document }} as varchar), '^\s*[{]') {%- endmacro %}
{% macro duckdb__json_array(lists, keys, key) -%}
    {%- set value = "cast(" ~ duckdb__json_text(lists, keys, key) ~ " as varchar)" -%}
    case when {{ value }} like '[%' then {{ value }} end
{%- endmacro %}
{# mutant: types.other-than-list #}
{% macro duckdb__json_is_other_than(type, lists, keys, key) -%}
    {%- set value = "cast(" ~ duckdb__json_text(lists, keys, key) ~ " as varchar)" -%}
    {{ value }} <> 'null' and not starts_with({{ value }}, '{{ {"array": "[", "object": "{"}[type] }}')
{%- endmacro %}
{# A query: one row (columns, value, index from 0) per element, no row for what is not an array. The array itself is not
   repeated per element: with a lateral join, DuckDB would need memory for its length times its number of elements. #}
{% macro duckdb__json_elements(relation, columns, array) -%}
    select {{ columns | join(", ") }}, unnest(elements) as value, generate_subscripts(elements, 1) - 1 as index
    from
        (
            select {{ columns | join(", ") }}, try(json_extract({{ array }}, '$[*]')) as elements from {{ relation }}
        ) as arrays
{%- endmacro %}

{# A VARIANT holds values, not their text: of a key that comes twice one value, of a number no spelling (1.0, 1e3), and no
   half of a surrogate pair at all, so DuckDB and Snowflake may read such documents differently. TMDb writes none.
   Null in JSON is a value of its own there, and NULL as text. #}
{% macro snowflake__json_opened(document, keys) -%} {{ document }}{%- endmacro %}
{% macro snowflake__json_text(opened, keys, key) -%} {{ opened }}:{{ key }}::varchar{%- endmacro %}
{% macro snowflake__json_string(document, opened, keys, key) -%}
    case when is_varchar({{ opened }}:{{ key }}) then {{ opened }}:{{ key }}::varchar end
{%- endmacro %}
{% macro snowflake__json_is_object(document) -%} is_object({{ document }}) {%- endmacro %}
{% macro snowflake__json_lists(document, keys) -%} {{ document }}{%- endmacro %}
{% macro snowflake__json_array(lists, keys, key) -%}
    case when is_array({{ lists }}:{{ key }}) then {{ lists }}:{{ key }} end
{%- endmacro %}
{% macro snowflake__json_is_other_than(type, lists, keys, key) -%}
    strip_null_value({{ lists }}:{{ key }}) is not null and not is_{{ type }} ({{ lists }}:{{ key }})
{%- endmacro %}
{# FLATTEN has columns of its own, such as PATH. #}
{% macro snowflake__json_elements(relation, columns, array) -%}
    select {{ relation }}.{{ columns | join(", " ~ relation ~ ".") }}, element.value, element.index
    from {{ relation }}, lateral flatten(input => iff(is_array({{ array }}), {{ array }}, null)) as element
{%- endmacro %}

{# Whether a purge has replaced the document, because the answer is older than the retention (warehouse/expiry.ts has the same text). #}
{% macro is_expired(document) %} {{ return(adapter.dispatch("is_expired")(document)) }}{% endmacro %}
{% macro duckdb__is_expired(document) -%}
    cast({{ document }} as varchar) = '{"tmdb_stream_expired":true}'
{%- endmacro %}
{% macro snowflake__is_expired(document) -%}
    coalesce({{ document }}:tmdb_stream_expired::varchar = 'true', false)
{%- endmacro %}

{# This replaces dbt's own macro, which casts the fixtures of unit tests: on Snowflake, a text that is cast to VARIANT stays a text, so
   the fixture must be parsed. #}
{% macro snowflake__cast(field, type) -%}
    {% if type | upper == "VARIANT" %} parse_json({{ field }}) {% else %} cast({{ field }} as {{ type }}) {% endif %}
{%- endmacro %}
