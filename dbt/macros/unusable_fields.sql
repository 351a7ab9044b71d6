{# ---- Values of a document that SILVER cannot use, for `silver_movies.unusable_fields` ---- #}
{# The field's name and a space, for a list of names in one string. #}
{% macro named_if(name, condition) -%} case when {{ condition }} then '{{ name }} ' else '' end{%- endmacro %}

{# A value that exists and is not valid. #}
{% macro unusable(field, is_valid) -%}
    {{ named_if(field, field ~ " is not null and not coalesce(" ~ is_valid ~ ", false)") }}
{%- endmacro %}

{# A value that exists and is not a string. #}
{% macro is_other_than_string(document, opened, keys, key) -%}
    ({{ json_text(opened, keys, key) }} is not null and {{ json_string(document, opened, keys, key) }} is null)
{%- endmacro %}

{# One row per movie in whose lists an element is unusable, with the lists' names. An element without a usable id is left
   out of silver_movie_genres and silver_movie_companies; a name or a country that is no text is NULL there. #}
{# mutant: types.usable-element #}
{% macro unusable_elements(documents, lists) %}
    {%- set keys = ["id", "name", "origin_country"] -%}
    select
        movie_id,
        concat(
            {% for list in lists %}
                max({{ named_if(list ~ "[]", "list_name = '" ~ list ~ "'") }}) {{- "," if not loop.last }}
            {% endfor %}
        ) as names
    from
        (
            {% for list in lists %}
                select
                    element.movie_id,
                    '{{ list }}' as list_name,
                    element.value as json_element,
                    {{ json_opened("element.value", keys) }} as contents
                from ({{ json_elements(documents, ["movie_id"], list) }}) as element {{ "union all" if not loop.last }}
            {% endfor %}
        ) as elements
    where
        not coalesce({{ to_bigint(json_text("contents", keys, "id")) }} > 0, false)
        or {{ is_other_than_string("json_element", "contents", keys, "name") }}
        or {{ is_other_than_string("json_element", "contents", keys, "origin_country") }}
    group by movie_id
{% endmacro %}
