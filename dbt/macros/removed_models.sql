{# Statements that drop what GOLD no longer has. dbt keeps the relations of removed models, and no purge reaches their rows. #}
{% macro drop_removed_models() %}
    {% for name in var("removed_from_gold") %}
        {% set relation = adapter.get_relation(target.database, generate_schema_name("gold", none), name) %}
        {% if relation %}
            drop {{ relation.type }} {{ relation }}
            ;
        {% endif %}
    {% endfor %}
{% endmacro %}
