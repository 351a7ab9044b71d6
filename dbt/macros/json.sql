{# ---- Reading a JSON document, the same way on every warehouse ----
   DuckDB parses the text anew for every path, so `json_opened` takes all keys out at once (nine times faster) and
   `json_text` picks from the list; Snowflake's VARIANT is parsed already. #}
{% macro json_opened(document, keys) %} {{ return(adapter.dispatch("json_opened")(document, keys)) }}{% endmacro %}
{% macro json_text(opened, keys, key) %} {{ return(adapter.dispatch("json_text")(opened, keys, key)) }}{% endmacro %}
{% macro json_array(opened, keys, key) %} {{ return(adapter.dispatch("json_array")(opened, keys, key)) }}{% endmacro %}
{% macro json_elements(array) %} {{ return(adapter.dispatch("json_elements")(array)) }}{% endmacro %}

{# DuckDB refuses a document with half a surrogate pair ("\ud83d" alone), which JSON.parse accepts. Such halves are
   read as U+FFFD; what is no JSON at all is read as NULL. Neither may end a run. #}
{% macro duckdb__json_opened(document, keys) -%}
    {%- set paths = "['$." ~ keys | join("', '$.") ~ "']" -%}
    coalesce(
        try(json_extract_string({{ document }}, {{ paths }})),
        try(json_extract_string({{ with_whole_surrogates(document) }}, {{ paths }}))
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
{% macro duckdb__json_array(opened, keys, key) -%} {{ duckdb__json_text(opened, keys, key) }}{%- endmacro %}
{# In a FROM clause: one row (value, index from 0) per element, no row for what is no array. #}
{% macro duckdb__json_elements(array) -%}
    lateral(
        select unnest(elements) as value, generate_subscripts(elements, 1) - 1 as index
        from (select try(json_extract({{ array }}, '$[*]')) as elements)
    )
{%- endmacro %}

{# A VARIANT holds values, not their text: of a key that comes twice one value, of a number no spelling (1.0, 1e3), and no
   half of a surrogate pair at all, so DuckDB and Snowflake may read such documents differently. TMDb writes none.
   Null in JSON is a value of its own there, and NULL as text. #}
{% macro snowflake__json_opened(document, keys) -%} {{ document }}{%- endmacro %}
{% macro snowflake__json_text(opened, keys, key) -%} {{ opened }}:{{ key }}::varchar{%- endmacro %}
{% macro snowflake__json_array(opened, keys, key) -%} strip_null_value({{ opened }}:{{ key }}){%- endmacro %}
{% macro snowflake__json_elements(array) -%}
    lateral flatten(input => iff(is_array({{ array }}), {{ array }}, null))
{%- endmacro %}

{# dbt's own cast of a unit test's fixture: Snowflake's cast of a text to VARIANT holds the text, and not what it says. #}
{% macro snowflake__cast(field, type) -%}
    {% if type | upper == "VARIANT" %} parse_json({{ field }}) {% else %} cast({{ field }} as {{ type }}) {% endif %}
{%- endmacro %}
