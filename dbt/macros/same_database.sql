{# A table, for the query of a view. DuckDB names a database after its file, and a view keeps the names that its query has: without the name
   of the database, the view also works where the program or a reader attaches the file under another name. #}
{% macro same_database(relation) -%} {{ relation.include(database=(target.type != "duckdb")) }} {%- endmacro %}
