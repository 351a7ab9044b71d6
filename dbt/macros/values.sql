{# ---- From text to value; what cannot be read is NULL, never an error ---- #}
{# The text if it has at least one visible character, otherwise NULL. Spaces of any kind, line breaks, zero-width characters and
   direction marks are invisible: a title of only these is as empty as ''. The warehouses define white space differently, so
   the characters are listed here. #}
{% macro known_text(text) -%} case when {{ is_visible(text) }} then {{ text }} end{%- endmacro %}
{% macro is_visible(text) %} {{ return(adapter.dispatch("is_visible")(text, invisible_characters())) }}{% endmacro %}
{# As code points, because drivers between dbt and a warehouse may change such characters in a statement. #}
{% macro invisible_characters() -%}
    {%- set controls_and_spaces = [9, 10, 11, 12, 13, 32, 133, 160, 173, 5760, 6158] -%}
    {%- set general_punctuation = range(8192, 8208) | list + range(8232, 8240) | list + [8287] -%}
    {%- set joiners_and_directions = range(8288, 8293) | list + range(8294, 8298) | list -%}
    {%- set others = [10240, 12288, 12644, 65279] -%}
    {{ return(controls_and_spaces + general_punctuation + joiners_and_directions + others) }}
{%- endmacro %}
{# The pattern is compiled once and ends at the first visible character; TRIM would read the list again for each row. #}
{# mutant: names.visible #}
{% macro duckdb__is_visible(text, invisible) -%}
    {%- set escaped = [] -%}
    {%- for code in invisible %} {%- do escaped.append("\\x{" ~ ("%x" | format(code)) ~ "}") -%} {%- endfor -%}
    regexp_matches({{ text }}, '[^{{ escaped | join }}]')
{%- endmacro %}
{% macro snowflake__is_visible(text, invisible) -%}
    trim({{ text }}, chr({{ invisible | join(") || chr(") }})) <> ''
{%- endmacro %}

{# Whether a text has no other characters than these. Begin the list with "-": in a pattern, it is a range elsewhere.
   DuckDB's TRIM takes seven times as long as a pattern. #}
{% macro has_only(characters, text) %} {{ return(adapter.dispatch("has_only")(characters, text)) }}{% endmacro %}
{% macro duckdb__has_only(characters, text) -%} not regexp_matches({{ text }}, '[^{{ characters }}]'){%- endmacro %}
{% macro snowflake__has_only(characters, text) -%} trim({{ text }}, '{{ characters }}') = ''{%- endmacro %}

{% macro to_boolean(text) -%} case {{ text }} when 'true' then true when 'false' then false end{%- endmacro %}

{# Only digits: a cast would round 1.5 to 2, and 0.4 votes to 0. #}
{% macro to_bigint(text) -%} {{ to_whole_number(text, "bigint") }} {%- endmacro %}
{% macro to_integer(text) -%} {{ to_whole_number(text, "integer") }} {%- endmacro %}
{% macro to_whole_number(text, type) -%}
    case when {{ has_only("-0123456789", text) }} then {{ adapter.dispatch("try_whole_number")(text, type) }} end
{%- endmacro %}
{% macro default__try_whole_number(text, type) -%} try_cast({{ text }} as {{ type }}){%- endmacro %}
{# On Snowflake, all of these names mean the same integer type with 38 digits. #}
{% macro snowflake__try_whole_number(text, type) -%}
    {%- set most = {"integer": 2147483647, "bigint": 9223372036854775807}[type] -%}
    case
        when try_cast({{ text }} as {{ type }}) between - {{ most + 1 }} and {{ most }}
        then try_cast({{ text }} as {{ type }})
    end
{%- endmacro %}

{# Only digits, because casts differ in other forms ('inf', '0x10', blanks), and some read 1e400 as infinity. #}
{% macro to_double(text) -%}
    case
        when {{ has_only("-+.0123456789eE", text) }} and abs(try_cast({{ text }} as double)) < 1e300
        then try_cast({{ text }} as double)
    end
{%- endmacro %}

{# A day of the calendar in TMDb's form. Casts also accept 'epoch', 'infinity' and numbers, each in a different way. #}
{% macro to_calendar_day(text) -%}
    {%- set day = adapter.dispatch("try_date")(text) -%}
    case
        when {{ text }} like '____-__-__' and {{ has_only("-0123456789", text) }}
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

{# Not `dbt.type_timestamp`, which is `timestamp` on Snowflake: a setting of the account decides what that is. #}
{% macro timestamp_type() %} {{ return(adapter.dispatch("timestamp_type")()) }}{% endmacro %}
{% macro default__timestamp_type() %} {{ return("timestamp") }}{% endmacro %}
{% macro snowflake__timestamp_type() %} {{ return("timestamp_ntz") }}{% endmacro %}
{% macro utc_timestamp(moment) -%} cast('{{ timestamp_text(moment) }}' as {{ timestamp_type() }}) {%- endmacro %}
{% macro timestamp_text(moment) -%} {{ moment.strftime("%Y-%m-%d %H:%M:%S.%f") }} {%- endmacro %}

{# A surrogate key: the same value for the same input, on every warehouse. #}
{% macro surrogate_key(columns) -%}
    md5(
        {% for column in columns -%}
            coalesce(cast({{ column }} as varchar), '') {%- if not loop.last %} || '-' || {% endif %}
        {%- endfor %}
    )
{%- endmacro %}

{# The unknown member of a dimension. #}
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

{# ---- The values of a movie; TMDb writes 0 for unknown ones ---- #}
{% macro positive(number) -%} case when {{ number }} > 0 then {{ number }} end{%- endmacro %}
{# Votes or popularity. More than 1,000,000,000 is impossible: the exact sums of the marts hold no more. #}
{% macro countable(number) -%} case when {{ number }} between 0 and 1000000000 then {{ number }} end {%- endmacro %}
{# A mean of no votes is unknown. #}
{% macro known_vote_average(mean, votes) -%}
    case when {{ mean }} > 0 and {{ mean }} <= 10 and ({{ votes }} > 0 or {{ votes }} is null) then {{ mean }} end
{%- endmacro %}

{# The name of a member of a dimension, never NULL: without a name in TMDb, the name contains the id. #}
{% macro name_or_id(name, kind, id) -%} coalesce({{ name }}, '{{ kind }} ' || cast({{ id }} as varchar)) {%- endmacro %}

{# The title of a movie in GOLD, never NULL. #}
{# mutant: names.title #}
{% macro title_or_id(movies) -%}
    coalesce({{ movies }}.title, {{ name_or_id(movies ~ ".original_title", "Movie", movies ~ ".movie_id") }})
{%- endmacro %}
