{# A column, or several together, name a row: none of them is NULL, and no values come twice. (One query for what
   `unique` and `not_null` ask in two: what a test costs is dbt's work around it.) #}
{% test primary_key(model, column_name=none, columns=none) %}
    {%- set keys = columns or [column_name] %}
    select {{ keys | join(", ") }}, count(*) as times
    from {{ model }}
    group by {{ keys | join(", ") }}
    having count(*) > 1 or {{ keys | join(" is null or ") }} is null
{% endtest %}
