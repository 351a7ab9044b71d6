{# The expression is true for each row, or NULL. The name and argument are those of dbt_utils. One query checks several
   ranges, because dbt's own work for a test costs more than the query. #}
{% test expression_is_true(model, expression) %} select * from {{ model }} where not ({{ expression }}){% endtest %}
