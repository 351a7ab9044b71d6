{# ---- From text to value; what cannot be read is NULL, never an error ---- #}
{# Of blanks alone: TRIM of Snowflake takes nothing else for white space, that of DuckDB all of Unicode's. #}
{% macro known_text(text) -%} case when trim({{ text }}, ' ') <> '' then {{ text }} end{%- endmacro %}

{# Digits alone: a cast would round 1.5 to 2, and 0.4 votes to none. #}
{% macro to_bigint(text) -%} {{ to_whole_number(text, "bigint") }} {%- endmacro %}
{% macro to_integer(text) -%} {{ to_whole_number(text, "integer") }} {%- endmacro %}
{% macro to_whole_number(text, type) -%}
    case when trim({{ text }}, '-0123456789') = '' then {{ adapter.dispatch("try_whole_number")(text, type) }} end
{%- endmacro %}
{% macro default__try_whole_number(text, type) -%} try_cast({{ text }} as {{ type }}){%- endmacro %}
{# Snowflake knows one whole number, of 38 digits, by all of these names. #}
{% macro snowflake__try_whole_number(text, type) -%}
    {%- set most = {"integer": 2147483647, "bigint": 9223372036854775807}[type] -%}
    case
        when try_cast({{ text }} as {{ type }}) between - {{ most + 1 }} and {{ most }}
        then try_cast({{ text }} as {{ type }})
    end
{%- endmacro %}

{# Digits again, as what else casts read ('inf', '0x10', blanks) differs; of 1e400 some make infinity. #}
{% macro to_double(text) -%}
    case
        when trim({{ text }}, '+-.0123456789eE') = '' and abs(try_cast({{ text }} as double)) < 1e300
        then try_cast({{ text }} as double)
    end
{%- endmacro %}

{# A day of the calendar in the form TMDb writes: casts also read 'epoch', 'infinity' and numbers, each in its own way. #}
{% macro to_calendar_day(text) -%}
    {%- set day = adapter.dispatch("try_date")(text) -%}
    case
        when {{ text }} like '____-__-__' and trim({{ text }}, '-0123456789') = ''
        then
            case
                when
                    {{ day }} between cast('{{ var("first_date") }}' as date) and cast('{{ var("last_date") }}' as date)
                then {{ day }}
            end
    end
{%- endmacro %}
{% macro default__try_date(text) -%} try_cast({{ text }} as date){%- endmacro %}
{% macro snowflake__try_date(text) -%} try_to_date({{ text }}, 'YYYY-MM-DD'){%- endmacro %}

{# dbt's own says `timestamp`, and what that is on Snowflake a setting of the account decides. #}
{% macro snowflake__type_timestamp() %} {{ return("timestamp_ntz") }}{% endmacro %}
{% macro utc_timestamp(moment) -%} cast('{{ timestamp_text(moment) }}' as {{ dbt.type_timestamp() }}) {%- endmacro %}
{% macro timestamp_text(moment) -%} {{ moment.strftime("%Y-%m-%d %H:%M:%S.%f") }} {%- endmacro %}

{# A key that says nothing but "the same again": equal on every warehouse. #}
{% macro surrogate_key(columns) -%}
    md5(
        {% for column in columns -%}
            coalesce(cast({{ column }} as varchar), '') {%- if not loop.last %} || '-' || {% endif %}
        {%- endfor %}
    )
{%- endmacro %}

{# The member of a dimension that stands for "not known". #}
{% macro unknown_id() -%} - 1{%- endmacro %}

{# 20241231 for 2024-12-31, the unknown member for NULL. #}
{% macro date_sk(date) -%}
    cast(
        coalesce(
            extract(year from {{ date }}) * 10000 + extract(month from {{ date }}) * 100 + extract(day from {{ date }}),
            {{ unknown_id() }}
        ) as integer
    )
{%- endmacro %}

{# All days from `first` to `last` as `full_date`. (dbt.date_spine asks the warehouse at compile time.) #}
{% macro days(first, last) %} {{ return(adapter.dispatch("days")(first, last)) }}{% endmacro %}
{% macro duckdb__days(first, last) -%}
    select cast(day as date) as full_date
    from generate_series(date '{{ first }}', date '{{ last }}', interval 1 day) as series(day)
{%- endmacro %}
{% macro snowflake__days(first, last) -%}
    {%- set parse = modules.datetime.date.fromisoformat -%}
    select dateadd(day, row_number() over (order by null) - 1, cast('{{ first }}' as date)) as full_date
    from table(generator(rowcount => {{ (parse(last) - parse(first)).days + 1 }}))
{%- endmacro %}

{# The field's name and a space where it has a value that is not valid, for a list of names in one text. #}
{% macro unusable(field, is_valid) -%}
    case when {{ field }} is not null and not coalesce({{ is_valid }}, false) then '{{ field }} ' else '' end
{%- endmacro %}
