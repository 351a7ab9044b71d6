{# A table, for the query of a view. A view keeps the names that its query has: without the name of the database, it also works where a
   reader opens the file, and DuckDB names the database after it. #}
{% macro same_database(relation) -%} {{ relation.include(database=(target.type != "duckdb")) }} {%- endmacro %}
