"""NOT NULL of CREATE TABLE .. (columns) AS SELECT, which fakesnow drops: contracts of dbt depend on it."""

from __future__ import annotations

from typing import Any

import fakesnow.transforms as ftr
import sqlglot
from sqlglot import exp

_create_table_as = ftr.create_table_as
_explode = ftr.create_table_autoincrement


def install() -> None:
    ftr.create_table_as = create_table_as
    ftr.create_table_autoincrement = explode


def _not_null(create: exp.Expr) -> list[tuple[int, exp.Identifier]]:
    """The index and the name of each NOT NULL column."""
    is_ctas = isinstance(create, exp.Create) and isinstance(create.this, exp.Schema) and create.expression is not None
    columns = create.this.expressions if is_ctas else []
    return [(at, column.this) for at, column in enumerate(columns) if _is_not_null(column)]


def _is_not_null(column: exp.Expr) -> bool:
    kinds = [constraint.kind for constraint in column.constraints] if isinstance(column, exp.ColumnDef) else []
    return any(isinstance(kind, exp.NotNullColumnConstraint) and not kind.args.get("allow_null") for kind in kinds)


def create_table_as(create: exp.Expr, connection: Any) -> exp.Expr:
    """Fails before the table exists."""
    columns = _not_null(create)
    query = create.expression.unnest() if columns else None
    create = _create_table_as(create, connection)
    for at, name in columns if isinstance(query, exp.Select) else []:
        value = query.expressions[at].this
        complaint = exp.func("error", exp.Literal.string(f"NOT NULL constraint failed: {name.name}"))
        checked = exp.Case().when(value.copy().is_(exp.null()), complaint).else_(value.copy())
        query.expressions[at].set("this", checked)
    return create


def explode(create: exp.Expr) -> list[exp.Expr]:
    """Makes the table check later inserts too."""
    statements = _explode(create)
    columns = _not_null(create)
    if len(statements) > 1 or not columns:
        return statements
    table = create.this.this.sql(dialect="snowflake")
    return [create, *(_set_not_null(table, name) for _, name in columns)]


def _set_not_null(table: str, column: exp.Identifier) -> exp.Expr:
    sql = f"ALTER TABLE {table} ALTER COLUMN {column.sql(dialect='snowflake')} SET NOT NULL"
    return sqlglot.parse_one(sql, read="snowflake")
