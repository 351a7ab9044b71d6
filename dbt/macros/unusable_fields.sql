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

{# One row per movie in whose lists an element is unusable, with the lists' names. An element without a usable id or code is
   left out of the tables of the list; another text that is no text is NULL there. `lists` has the keys of each list's
   elements, first that of the id or code. #}
{# mutant: types.usable-element #}
{% macro unusable_elements(documents, lists) %}
    select
        movie_id,
        concat(
            {% for list in lists %}
                max({{ named_if(list ~ "[]", "list_name = '" ~ list ~ "'") }}) {{- "," if not loop.last }}
            {% endfor %}
        ) as names
    from
        (
            {% for list, keys in lists.items() %}
                select movie_id, '{{ list }}' as list_name
                from
                    (
                        select
                            element.movie_id,
                            element.value as json_element,
                            {{ json_opened("element.value", keys) }} as contents
                        from ({{ json_elements(documents, ["movie_id"], list) }}) as element
                    ) as elements
                where
                    {{ member_id("json_element", "contents", keys) }} is null
                    {% for key in keys[1:] %}
                        or {{ is_other_than_string("json_element", "contents", keys, key) }}
                    {% endfor %}
                    {{ "union all" if not loop.last }}
            {% endfor %}
        ) as unusable
    group by movie_id
{% endmacro %}
