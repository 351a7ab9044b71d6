{# ---- The batches of BRONZE that a run processes ----
   Loaders commit in any order, so no timestamp and no sequence of theirs can tell what is new. dbt seals the batches that
   it has not seen under a run sequence which only dbt writes; each model reads what lies above its own maximum. #}
{# A table of the run log by its name, also under `--empty`, where a source is a query without rows. #}
{% macro run_log(table) %} {{ return(source("run_log", table).render()) }}{% endmacro %}

{% macro create_sealed_batches() %}
create table if not exists {{ run_log("sealed_batches") }} (
    load_seq bigint not null,
    batch_id varchar not null,
    run_seq bigint not null,
    sealed_at {{ timestamp_type() }} not null
)
{% endmacro %}

{# By name and number: after a rebuild of BRONZE, a batch of the same offsets has another number and is another batch.
   One statement, so that a run that is killed has sealed all of them or none. A retry seals nothing, because it omits
   models that would have to see the batches. #}
{% macro seal_batches() %}
    {% if flags.WHICH in ("run", "build") and not is_retry() and not invocation_args_dict.empty %}
        {{ adapter.dispatch("one_at_a_time")(seal_statement()) }}
    {% endif %}
{% endmacro %}

{# A DuckDB file has one writer. #}
{% macro default__one_at_a_time(statement) %} {{ statement }}{% endmacro %}

{# On Snowflake two that seal at once would take the same number, with different batches: a model that has seen the number
   would never see the other's. An INSERT locks nothing that another one wants, an UPDATE does. #}
{% macro snowflake__one_at_a_time(statement) %}
    {%- set lock = run_log("sealed_batches") | replace("sealed_batches", "seal_lock") -%}
create table if not exists {{ lock }} (taken_at timestamp_ntz not null)
    ;
insert into {{ lock }}
select {{ utc_timestamp(run_started_at) }} where not exists (select 1 from {{ lock }})
    ;
    begin
    ;
update {{ lock }} set taken_at = {{ utc_timestamp(run_started_at) }}
    ;
    {{ statement }}
    ;
    commit
{% endmacro %}

{# silver_movies takes documents from stg_movies and tombstones from BRONZE, up to the same run sequence. In a run without
   stg_movies it would pass batches whose documents are not staged yet, and never look at them again. #}
{% macro refuse_partial_movies() %}
    {% set silver = "model." ~ project_name ~ ".silver_movies" %}
    {% set staging = "model." ~ project_name ~ ".stg_movies" %}
    {% set seals = flags.WHICH in ("run", "build") and not is_retry() %}
    {% if seals and silver in selected_resources and staging not in selected_resources %}
        {{
            exceptions.raise_compiler_error(
                "silver_movies cannot run without stg_movies, because new documents would be lost: select +silver_movies"
            )
        }}
    {% endif %}
{% endmacro %}

{% macro seal_statement() %}
insert into {{ run_log("sealed_batches") }} (load_seq, batch_id, run_seq, sealed_at)
select
    loaded.load_seq,
    loaded.batch_id,
    (select coalesce(max(sealed.run_seq), 0) + 1 from {{ run_log("sealed_batches") }} as sealed),
    {{ utc_timestamp(run_started_at) }}
from {{ source("bronze", "load_batches").render() }} as loaded
{# mutant: dbt.seal #}
where not exists (
    select 1
    from {{ run_log("sealed_batches") }} as sealed
    where sealed.batch_id = loaded.batch_id and sealed.load_seq = loaded.load_seq
)
and loaded.batch_id not in ({{ premature_batches() }})
{% endmacro %}

{# The batches with an answer that is possible by the loader's clock, but more than an hour ahead of this run's clock. No later run
   reads a batch that was sealed earlier, so a run whose clock has reached that time must seal it. An answer that is more than a day
   ahead comes from a wrong clock, so its batch does not wait. Genres do not matter: their lists are requested again every day. #}
{% macro premature_batches() -%}
    {%- set now = utc_timestamp(run_started_at) -%}
    select batch_id
    from {{ source("bronze", "raw_movies").render() }}
    where
        not ({{ is_believable("fetched_at") }})
        and fetched_at <= {{ dbt.dateadd("day", 1, now) }}
        and fetched_at <= {{ dbt.dateadd("hour", 1, "ingested_at") }}
{%- endmacro %}

{# The sealed batches that this model has not processed. #}
{% macro unseen_batches() -%}
    select load_seq, batch_id, run_seq from {{ source('run_log', 'sealed_batches') }}
    where {{ is_unseen('run_seq') }}
{%- endmacro %}

{# A query: the answers in those batches with one of these HTTP statuses, and the run sequence of their batches. Answers of an
   unknown movie or with an impossible time are left out. #}
{% macro unseen_answers(http_statuses) -%}
    select
        records.movie_id,
        records.http_status,
        records.fetched_at,
        records.load_seq,
        records.kafka_offset,
        records.batch_id,
        records.source_url,
        records.ingested_at,
        records.raw_data,
        unseen_batches.run_seq
    {{ from_unseen_batches() }}
    where
        records.http_status in ({{ http_statuses | join(", ") }})
        and records.movie_id > 0
        and {{ is_believable("records.fetched_at", "records.ingested_at") }}
{%- endmacro %}

{% macro from_unseen_batches() -%}
    from {{ source("bronze", "raw_movies") }} as records
    inner join
        ({{ unseen_batches() }}) as unseen_batches
        on records.load_seq = unseen_batches.load_seq
        and records.batch_id = unseen_batches.batch_id
{%- endmacro %}

{# The document of a record, for a condition in a join with a relation that has a `run_seq`. DuckDB evaluates a condition on columns
   of one table before the join, and would read every document of BRONZE to find a few. This expression needs both tables. #}
{% macro document_after_join(records, joined) -%}
    case when {{ joined }}.run_seq > 0 then {{ records }}.raw_data end
{%- endmacro %}

{# A query: these answers with their `document`. #}
{% macro documents_of(answers) -%}
    select answers.*, {{ document_after_join("records", "answers") }} as document
    from {{ source("bronze", "raw_movies") }} as records
    inner join
    {{ answers }} as answers on records.load_seq = answers.load_seq and records.kafka_offset = answers.kafka_offset
{%- endmacro %}

{# Whether a row of an upstream model, by its run sequence, is above everything in this model. Reading a row twice is
   harmless, so a maximum that fell because its row went away costs a little work and loses nothing. #}
{% macro is_unseen(run_seq="_run_seq") -%}
    {% if is_incremental() -%}
        {{ run_seq }} > (select coalesce(max(_run_seq), 0) from {{ this }})
    {%- else -%}
        true
    {%- endif %}
{%- endmacro %}

{# Whether an answer's time can be true: no later than an hour after the loader wrote the row, nor an hour from now. A clock
   that was wrong, or an invented record, would otherwise be the newest for ever. The loader refuses such records too; those
   that were loaded before it did, or by a machine whose own clock was wrong, count for nothing. #}
{% macro is_believable(fetched_at, ingested_at=none) -%}
    {%- set now = utc_timestamp(run_started_at) -%}
    {{ fetched_at }} <= {{ dbt.dateadd("hour", 1, now) }}
    {%- if ingested_at %}
        and {{ fetched_at }} <= {{ dbt.dateadd("hour", 1, "coalesce(" ~ ingested_at ~ ", " ~ now ~ ")") }}
    {%- endif %}
{%- endmacro %}

{# The movies with a record in the batches that this model has not processed. A model whose rows are a function of all
   observations of a movie computes these movies again. #}
{% macro movies_with_unseen_answers() -%} select distinct records.movie_id {{ from_unseen_batches() }}
{%- endmacro %}

{# The same for a model whose rows are a function of the answers of one day. #}
{% macro days_with_unseen_answers() -%}
    select distinct records.movie_id, cast(records.fetched_at as date) as answered_on {{ from_unseen_batches() }}
{%- endmacro %}

{# A query: all rows that `relation` has for the keys in `changed`, and one row of NULLs for a key without any, which clears its old
   rows (see `replace`). In a full refresh every key has changed, and there are no old rows. #}
{% macro rows_of_changed(relation, columns, changed="changed_movies", keys=["movie_id"]) -%}
    {% if is_incremental() %}
        select {{ changed }}.{{ keys | join(", " ~ changed ~ ".") }}, {{ relation }}.{{ columns | join(", " ~ relation ~ ".") }}
        from {{ changed }}
        left join
        {{ relation }}
            on {% for key in keys %}
            {{ changed }}.{{ key }} = {{ relation }}.{{ key }} {{- " and " if not loop.last }}
        {% endfor %}
    {% else %} select {{ keys | join(", ") }}, {{ columns | join(", ") }} from {{ relation }}
    {% endif %}
{%- endmacro %}

{# Whether the body of a 404 or 410 is TMDb's own and says that the movie does not exist, by its `status_code`. A proxy's
   404 does not say that. #}
{% macro says_movie_is_missing(status_code) -%}
    {{ status_code }} in ('34', '6', '37') {%- endmacro %}

{# The newest of several records of a movie, by the time of TMDb's answer. The other columns only make ties deterministic.
   A prefix such as "_" selects the columns of a model: `_fetched_at` and so on. #}
{# mutant: dbt.newest-first #}
{% macro newest_first(relation=none, prefix="") -%}
    {%- set of = (relation ~ "." if relation else "") ~ prefix -%}
    {{ of }}fetched_at desc, {{ of }}load_seq desc, {{ of }}kafka_offset desc
{%- endmacro %}
