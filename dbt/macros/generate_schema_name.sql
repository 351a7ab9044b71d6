{# Schemas are exactly `silver` and `gold`, never `<target>_silver`. This replaces dbt's own macro, as dbt documents it: loaders, readers
   and grants name the schemas. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ (custom_schema_name or target.schema) | trim }}
{%- endmacro %}
