{# Two columns together name a row. #}
{% test unique_pair(model, first, second) %}
    select {{ first }}, {{ second }}, count(*) as times
    from {{ model }}
    group by {{ first }}, {{ second }}
    having count(*) > 1
{% endtest %}
