{# The combination of the named columns identifies a row: it occurs once, and no column is NULL. The name and argument are
   those of dbt_utils, so that documentation and lint tools recognise the primary key. dbt_utils also accepts NULL. #}
{% test unique_combination_of_columns(model, combination_of_columns) %}
    select {{ combination_of_columns | join(", ") }}, count(*) as times
    from {{ model }}
    group by {{ combination_of_columns | join(", ") }}
    having count(*) > 1 or {{ combination_of_columns | join(" is null or ") }} is null
{% endtest %}
