{# A condition holds for every row; where a value in it is NULL, it holds as well. (One query for what a test of accepted
   ranges would ask once a column.) #}
{% test holds(model, condition) %} select * from {{ model }} where not ({{ condition }}){% endtest %}
