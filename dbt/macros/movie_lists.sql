{# ---- The lists of a movie: genres, production companies, countries and spoken languages ----
   One macro for the lists in SILVER and one for the bridges in GOLD, so that a rule changes in one place. #}
{# The usable id of a list's element, or its usable code of two letters; otherwise NULL. `keys` begins with its key: an `id` is a
   number, a `credit_id` a text, and any other key has a code. #}
{% macro member_id(json_element, opened, keys) -%}
    {%- if keys[0] == "id" -%} {%- set id = to_bigint(json_text(opened, keys, "id")) -%} {{ positive(id) }}
    {%- elif keys[0] == "credit_id" -%} {{ known_text(json_string(json_element, opened, keys, "credit_id")) }}
    {%- else -%}
        {%- set code = known_text(json_string(json_element, opened, keys, keys[0])) -%}
        case when length({{ code }}) = 2 then {{ code }} end
    {%- endif -%}
{%- endmacro %}

{# The query of `silver_movie_genres` and the models like it: one row per movie and listed member. `position` 1 is the
   first-listed. TMDb lists some members twice; the first counts. A changed movie without members is returned as one row of
   NULLs, which clears its previous rows (see `replace`).
   `list` is a column of silver_movies, `id` the name of the member's id or code and `key` that of its key in the document,
   `texts` the column name for each other key, `numbers` those of keys with a positive number. With a `part`, which TMDb has
   appended, `list` is its path in the document. #}
{% macro listed_members(list, id, texts, key="id", numbers={}, part=none) %}
    {%- set keys = [key] + texts.values() | list + numbers.values() | list -%}
    {%- set relation = "part_lists" if part else "changed_movies" -%}
    with
        {% if part %} {{ part_lists(part, list) }},
        {% else %}
            changed_movies as (
                select movie_id, {{ list }}, _document_fetched_at, _run_seq
                from {{ ref("silver_movies") }}
                where {{ is_unseen() }}
            ),
        {% endif %}

        opened as (
            select
                element.movie_id,
                element.index as listed_at,
                element.value as json_element,
                {{ json_opened("element.value", keys) }} as element
            from ({{ json_elements(relation, ["movie_id"], "part_list" if part else list) }}) as element
        ),

        listed as (
            select
                movie_id,
                listed_at,
                {% for column, key in texts.items() %}
                    {{ known_text(json_string("json_element", "element", keys, key)) }} as {{ column }},
                {% endfor %}
                {% for column, key in numbers.items() %}
                    {{ positive(to_bigint(json_text("element", keys, key))) }} as {{ column }},
                {% endfor %}
                {{ member_id("json_element", "element", keys) }} as {{ id }}
            from opened
        ),

        numbered as (
            select *, row_number() over (partition by movie_id order by listed_at) as position
            from
                (
                    select *
                    from listed
                    where {{ id }} is not null
                    qualify row_number() over (partition by movie_id, {{ id }} order by listed_at) = 1
                ) as distinct_members
        )

    select
        changed_movies.movie_id,
        numbered.{{ id }},
        numbered.position,
        {% for column in texts %} numbered.{{ column }}, {% endfor %}
        {% for column in numbers %} numbered.{{ column }}, {% endfor %}
        changed_movies._document_fetched_at as _fetched_at,
        changed_movies._run_seq
    from changed_movies
    left join numbered on changed_movies.movie_id = numbered.movie_id
    {% if not is_incremental() %} where numbered.{{ id }} is not null{% endif %}
{% endmacro %}

{# The query of the bridges from a movie to the members of a list. A movie without members has one row with the unknown
   member. A deleted movie is returned as a row without a key, which removes it from the table (see `replace`).
   `members` is a model made by `listed_members`, `id` its id or code, `member_sk` the key of the dimension. #}
{% macro bridge(members, id, member_sk) %}
    with
        changed_movies as (
            select movie_id, is_deleted, _run_seq
            from {{ ref("silver_movies") }}
            where {{ is_unseen() }} {% if not is_incremental() %} and not is_deleted{% endif %}
        ),

        members as (
            select
                movies.movie_id,
                movies.is_deleted,
                movies._run_seq,
                coalesce(cast(listed.{{ id }} as varchar), cast({{ unknown_id() }} as varchar)) as {{ id }},
                coalesce(listed.position, 1) as position
            from changed_movies as movies
            {# mutant: gold.unknown-member #}
            left join {{ members }} as listed on movies.movie_id = listed.movie_id
        )

    select
        {# mutant: gold.deleted-from-bridges #}
        case when not is_deleted then {{ surrogate_key(["movie_id", id]) }} end as bridge_sk,
        {{ surrogate_key(["movie_id"]) }} as movie_sk,
        {{ surrogate_key([id]) }} as {{ member_sk }},
        movie_id,
        cast(position as integer) as position,
        _run_seq
    from members
{% endmacro %}

{# A query: for each member, the mention that names it: the newest one with a name, or else the newest. The time of that mention is
   computed first, because numbering all mentions would sort them: a catalogue has millions, of a few members. #}
{% macro naming_mentions(mentions, id, name) -%}
    select mentions.*
    from {{ mentions }} as mentions
    inner join
        (
            select
                {{ id }},
                count({{ name }}) > 0 as is_named,
                {# mutant: names.genre #}
                coalesce(max(case when {{ name }} is not null then _fetched_at end), max(_fetched_at)) as _fetched_at
            from {{ mentions }}
            group by {{ id }}
        ) as naming
        on mentions.{{ id }} = naming.{{ id }}
        and mentions._fetched_at = naming._fetched_at
        and (mentions.{{ name }} is not null) = naming.is_named
    qualify row_number() over (partition by mentions.{{ id }} order by mentions.movie_id asc) = 1
{%- endmacro %}
