"""Corrections of a statement before fakesnow translates it, and in fakesnow's translation."""

from __future__ import annotations

import re
from collections.abc import Callable
from string import Template
from typing import Any

import fakesnow.copy_into as fcopy
import fakesnow.cursor as fcur
import fakesnow.info_schema as info_schema
import fakesnow.macros as macros
import fakesnow.rowtype as frow
import fakesnow.server as fs
import fakesnow.transforms as ftr
from sqlglot import exp

import json_functions
import not_null
from sessions import CURRENT

# Statements that are accepted and do nothing. The statements of account.py never get here.
_OBJECTS = (
    r"(stream|task|pipe|network\s+(policy|rule)|(storage|api|security|notification)\s+integration|masking\s+policy"
    r"|row\s+access\s+policy|share|alert|authentication\s+policy|session\s+policy|password\s+policy)"
)
_ALTERABLE = r"(table|dynamic\s+table|iceberg\s+table|view|schema|database)"
NO_OPS = [
    rf"\s*create\s+(or\s+replace\s+)?{_OBJECTS}\b",
    rf"\s*(alter|drop|describe|undrop)\s+{_OBJECTS}\b",
    r"\s*execute\s+(task|immediate)\b",
    rf"\s*alter\s+{_ALTERABLE}\s+(if\s+exists\s+)?\S+\s+"
    r"(set|unset|suspend|resume|refresh|cluster\s+by|drop\s+clustering\s+key)\b",
    # persist_docs of dbt
    r"\s*alter\s+(table|view)\s+\S+\s+(alter|modify)\s+(column\s+)?(\"[^\"]+\"|\w+)\s+comment\b",
    r"\s*show\s+(streams|tasks|pipes)\b",
    r"\s*comment\s+(if\s+exists\s+)?on\s+(database|schema|warehouse|role)\b",
]

# Functions without arguments that describe the session. sqlglot has separate nodes for some of them.
CONTEXT: dict[str, Callable[[], str | None]] = {
    "CurrentWarehouse": lambda: CURRENT.get().warehouse,
    "CurrentRole": lambda: CURRENT.get().role,
    "CurrentUser": lambda: CURRENT.get().user,
    "CurrentSession": lambda: str(CURRENT.get().id),
    "CurrentTransaction": lambda: str(CURRENT.get().transaction_id) if CURRENT.get().transaction_id else None,
    "CurrentAccount": lambda: "FAKESNOW",
    "CurrentAccountName": lambda: "FAKESNOW",
    "CurrentRegion": lambda: "LOCAL",
    "CurrentOrganizationName": lambda: "ORG",
    "CurrentAvailableRoles": lambda: "[]",
    "CurrentClient": lambda: "emulator",
}
_NODES = {node: value for name, value in CONTEXT.items() if (node := getattr(exp, name, None))}
_NAMES = {re.sub(r"(?<!^)(?=[A-Z])", "_", name).upper(): value for name, value in CONTEXT.items()}


# fakesnow numbers an array's elements by row_number(), whose order is undefined, so the INDEX is computed with the elements.
# An object's values are not read by their keys: DuckDB takes a key that begins with `$` for a path.
FLATTEN = Template("""
CREATE OR REPLACE MACRO ${catalog}._fs_flatten(input) AS TABLE
    SELECT
        hash(to_json(input))::UBIGINT AS SEQ,
        e.name AS KEY,
        coalesce(e.name, '[' || e.nth || ']') AS PATH,
        e.nth AS INDEX,
        e.value AS VALUE,
        to_json(input) AS THIS
    FROM (
        SELECT unnest(
            CASE WHEN json_type(to_json(input)) = 'OBJECT' THEN list_transform(
                list_zip(json_keys(to_json(input)), json_extract(to_json(input), '$$.*')),
                lambda m: struct_pack(name := m[1], value := m[2], nth := NULL::BIGINT)
            ) ELSE list_transform(
                CAST(to_json(input) AS JSON[]),
                lambda v, n: struct_pack(name := NULL::VARCHAR, value := v, nth := (n - 1)::BIGINT)
            ) END, recursive := true
        )
    ) AS e(name, value, nth)
""")


class SnowflakeTypes(dict):
    """DuckDB's types that fakesnow does not know."""

    MORE = {
        "FLOAT": "real",
        "SMALLINT": "fixed",
        "TINYINT": "fixed",
        "UINTEGER": "fixed",
        "USMALLINT": "fixed",
        "UTINYINT": "fixed",
        "UHUGEINT": "fixed",
        "UUID": "text",
        "TIMESTAMP_S": "timestamp_ntz",
        "TIMESTAMP_MS": "timestamp_ntz",
        "INTERVAL": "text",
        "VARIANT": "variant",
    }

    def get(self, key: str, default: Any = None) -> Any:
        if key in self:
            return self[key]
        if key.endswith("[]"):
            return "array"
        return "object" if key.startswith(("STRUCT", "MAP")) else self.MORE.get(key, default)


_parse_one = fcur.parse_one
_insert_table_comment = info_schema.insert_table_comment_sql
_sum = ftr.numeric_agg_implicit_cast
_gcs_stage_info = fs.gcs_stage_info


def install() -> None:
    frow.duckdb_to_sf_type = SnowflakeTypes(frow.duckdb_to_sf_type)
    fcur.parse_one = parse_one
    # DuckDB 2 supports MERGE as one statement. fakesnow would split it into several.
    ftr.merge = lambda expression: [expression]
    ftr.numeric_agg_implicit_cast = sum_as_it_is
    # The Node driver reads the region.
    fs.gcs_stage_info = lambda *args: {**_gcs_stage_info(*args), "region": "us-central1", "useRegionalUrl": False}
    ftr.trim_cast_varchar = trim_as_it_is
    info_schema.insert_table_comment_sql = table_comment_in_quotes
    not_null.install()
    macros.FS_FLATTEN = FLATTEN
    fcopy._params = json_functions.copy_params


def before_parsing(sql: str) -> str:
    """Rewrites text that sqlglot or fakesnow cannot process."""
    sql = sql.replace("?::", "? ::")
    # The form that the driver uses when it uploads binds.
    sql = re.sub(r"(?i)^(\s*put\s+file://[^\s']+)'(@[^']+)'", r"\1 \2 ", sql)
    # fakesnow creates plain tables instead.
    sql = re.sub(r"(?i)\b(drop|alter|describe)(\s+)dynamic\s+table\b", r"\1\2table", sql)
    return json_functions.before_parsing(sql)


def parse_one(sql: str, *args: Any, **options: Any) -> exp.Expr:
    expression = _parse_one(sql, *args, **options)
    if isinstance(expression, exp.Create):
        _drop_constraints(expression)
    if isinstance(expression, exp.Merge):
        _return_actions(expression)
    if isinstance(expression, exp.Copy):
        _drop_false_options(expression)
    _replace_context(expression)
    return json_functions.rewrite(expression)


def _drop_constraints(create: exp.Create) -> None:
    """Snowflake records keys and never enforces them. DuckDB keeps temporary tables outside schemas; dbt drops its own."""
    kinds = (exp.PrimaryKey, exp.ForeignKey, exp.UniqueColumnConstraint, exp.PrimaryKeyColumnConstraint, exp.Reference)
    for key in list(create.find_all(*kinds)):
        (key.parent if isinstance(key.parent, (exp.ColumnConstraint, exp.Constraint)) else key).pop()
    table = create.find(exp.Table)
    if table is not None and table.db and str(create.args.get("kind")).upper() in ("TABLE", "VIEW"):
        for temporary in list(create.find_all(exp.TemporaryProperty)):
            temporary.pop()


def _return_actions(merge: exp.Merge) -> None:
    """Makes rows countable by action. DuckDB requires bare column names in SET."""
    kinds = set()
    for when in merge.args["whens"].expressions:
        then = when.args["then"]
        kinds.add(
            "inserted" if isinstance(then, exp.Insert) else "updated" if isinstance(then, exp.Update) else "deleted"
        )
        for assignment in then.expressions if isinstance(then, exp.Update) else []:
            if isinstance(assignment, exp.EQ) and isinstance(assignment.this, exp.Column):
                assignment.set("this", exp.column(assignment.this.this.copy()))
    merge.set("returning", exp.Returning(expressions=[exp.column("merge_action")]))
    merge.meta["kinds"] = [kind for kind in ("inserted", "updated", "deleted") if kind in kinds]


def _drop_false_options(copy: exp.Copy) -> None:
    """fakesnow treats PURGE = FALSE like PURGE."""
    params = copy.args.get("params") or []
    false = exp.Boolean(this=False)
    copy.set("params", [p for p in params if not (p.this.name.upper() in ("PURGE", "FORCE") and p.expression == false)])


def _replace_context(expression: exp.Expr) -> None:
    for function in list(expression.find_all(exp.Anonymous, *_NODES)):
        tell = _NODES.get(type(function)) or _NAMES.get(function.name.upper())
        if tell is not None and not function.expressions:
            value = tell()
            function.replace(exp.null() if value is None else exp.Literal.string(value))


def table_comment_in_quotes(catalog: str, schema: str, table: str, comment: str | None) -> str:
    """fakesnow ends the comment of a table at its first quote. A table with properties and no comment has None."""
    return _insert_table_comment(catalog, schema, table, (comment or "").replace("'", "''"))


def sum_as_it_is(expression: exp.Expr) -> exp.Expr:
    """fakesnow sums TRY_CAST(.. AS DOUBLE), which changes the type and hides text that is not a number."""
    before = expression.this if isinstance(expression, exp.AggFunc) else None
    result = _sum(expression)
    if before is not None and isinstance(result.this, exp.TryCast) and result.this is not before:
        result.set("this", result.this.this)
    return result


def trim_as_it_is(expression: exp.Expr) -> exp.Expr:
    """fakesnow drops the characters and the side. Without characters, Snowflake removes only blanks."""
    if isinstance(expression, exp.Trim):
        text = expression.this
        if not (isinstance(text, exp.Cast) and text.to.this in (exp.DataType.Type.VARCHAR, exp.DataType.Type.TEXT)):
            expression.set("this", exp.cast(text, "text"))
        if expression.args.get("expression") is None:
            expression.set("expression", exp.Literal.string(" "))
    return expression
