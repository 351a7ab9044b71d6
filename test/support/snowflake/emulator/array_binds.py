"""Binds that hold an array for each question mark: one INSERT .. SELECT instead of one INSERT for each row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import sqlglot
from fakesnow.converter import from_binding
from fakesnow.transforms import stage
from sqlglot import exp

import errors
from sessions import Session

# The table with the bound rows while the statement runs.
BINDS = "_FS_BINDS"
Columns = dict[str, pa.Array]
PLAIN = (exp.Column, exp.Literal, exp.Null, exp.Boolean, exp.Cast)


def columns_of(session: Session, request: dict[str, Any]) -> Columns | None:
    bindings = request.get("bindings")
    if request.get("bindStage"):
        return _from_stage(session, request["bindStage"])
    if bindings and any(isinstance(bind["value"], list) for bind in bindings.values()):
        return {f"B{at}": _column(bindings[str(at)]) for at in range(1, len(bindings) + 1)}
    return None


def _column(bind: dict[str, Any]) -> pa.Array:
    values = [
        None if value is None else from_binding({"type": bind["type"], "value": value}) for value in bind["value"]
    ]
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        return pa.array([None if value is None else str(value) for value in bind["value"]])


def _from_stage(session: Session, path: str) -> Columns:
    """@SYSTEM$BIND/<id>: CSV files that the driver PUT there; empty is NULL, "" is the empty string."""
    connection = session.connection
    folder = stage.internal_dir(f"{connection.database}.{connection.schema}.SYSTEM$BIND", path.partition("/")[2])
    options = (
        "header=false, all_varchar=true, quote='\"', escape='\"', nullstr='', allow_quoted_nulls=false, "
        "compression='auto', max_line_size=104857600"
    )
    table = session.duck.execute(f"SELECT * FROM read_csv('{folder}/*', {options})").to_arrow_table()
    return {f"B{at}": column for at, column in enumerate(table.columns, 1)}


def table_of(columns: Columns) -> pa.Table:
    return pa.table(columns)


def in_one_statement(session: Session, sql: str, columns: Columns) -> str | None:
    """INSERT .. VALUES (?, ..), or INSERT .. SELECT f(column1), .. FROM VALUES (?, ..). Returns None for any other statement."""
    try:
        insert = sqlglot.parse_one(sql, read="snowflake")
    except sqlglot.errors.SqlglotError:
        return None
    values = list(insert.find_all(exp.Values))
    if not isinstance(insert, exp.Insert) or len(values) != 1 or len(values[0].expressions) != 1:
        return None
    row = values[0].expressions[0].expressions
    marks = [mark for value in row for mark in value.find_all(exp.Placeholder, exp.Parameter)]
    if len(marks) != len(columns):
        return None
    for at, mark in enumerate(marks, 1):
        mark.replace(exp.column(f"B{at}"))
    _replace(insert, values[0], row, columns, lambda table: _column_types(session, table))
    return insert.sql(dialect="snowflake")


def _replace(
    insert: exp.Insert,
    values: exp.Values,
    row: list[exp.Expr],
    columns: Columns,
    types: Callable[[str], dict[str, str]],
) -> None:
    alias = values.args.get("alias")
    names = (
        [c.name for c in alias.columns] if alias and alias.columns else [f"COLUMN{at}" for at in range(1, len(row) + 1)]
    )
    select = exp.select(*[exp.alias_(value.copy(), name) for value, name in zip(row, names)]).from_(BINDS)
    if values is insert.expression:
        _check_values(insert, row, columns, types)
        insert.set("expression", select)
    else:
        target = values.parent if isinstance(values.parent, exp.Table) else values
        target.replace(select.subquery(alias.name if alias and alias.name else "_V"))


def _check_values(
    insert: exp.Insert, row: list[exp.Expr], columns: Columns, types: Callable[[str], dict[str, str]]
) -> None:
    """Raises the errors of Snowflake for VALUES: function calls, and text for a VARIANT."""
    if any(not isinstance(value, PLAIN) for value in row):
        raise errors.sql_error(2014, "22000", f"Invalid expression [{row[0].sql('snowflake')}] in VALUES clause")
    target = insert.this
    table, names = (
        (target.this, [c.name.upper() for c in target.expressions])
        if isinstance(target, exp.Schema)
        else (target, None)
    )
    kinds = types(table.sql(dialect="duckdb"))
    for name, value in zip(names or list(kinds), row):
        if isinstance(value, exp.Column) and kinds.get(name) == "JSON" and pa.types.is_string(columns[value.name].type):
            raise errors.sql_error(
                2023,
                "22000",
                "SQL compilation error:\nExpression type does not match column data type, "
                f"expecting VARIANT but got VARCHAR(16777216) for column {name}",
            )


def _column_types(session: Session, table: str) -> dict[str, str]:
    return {row[0].upper(): row[1] for row in session.duck.execute(f"DESCRIBE {table}").fetchall()}
