"""Executes statements with their effect on the session's transaction, in place of fakesnow's own execution."""

from __future__ import annotations

import time
from typing import Any

import duckdb
import fakesnow.cursor as fcur
import sqlglot
from snowflake.connector.errors import ProgrammingError
from sqlglot import exp

import errors
from sessions import Session

SUCCESS = sqlglot.parse_one("SELECT 'Statement executed successfully.' AS status")
DDL = (exp.Create, exp.Drop, exp.Alter, exp.Comment)
CHANGES = (exp.Insert, exp.Update, exp.Delete, exp.Merge, exp.Copy, exp.TruncateTable)
LOCKING = (exp.Update, exp.Delete, exp.Merge, exp.TruncateTable)

# DuckDB refuses some statements at once where Snowflake waits, such as a second DDL statement. This is the interval of retries.
RETRY_SECONDS = 0.01

_execute = fcur.FakeSnowflakeCursor._execute


def install() -> None:
    fcur.FakeSnowflakeCursor._execute = execute


def execute(cursor: fcur.FakeSnowflakeCursor, statement: exp.Expr, params: Any = None) -> None:
    session: Session | None = getattr(cursor._conn, "emulated", None)
    if session is None or isinstance(statement, exp.Describe):
        return _run(cursor, statement, params)
    if session.transaction not in (None, "open") and not isinstance(statement, (exp.Commit, exp.Rollback)):
        raise errors.aborted(session.transaction)
    if isinstance(statement, exp.Transaction):
        session.begin()
        return _run(cursor, SUCCESS.copy(), None)
    if isinstance(statement, (exp.Commit, exp.Rollback)):
        return _end(cursor, session, statement)
    if _is_ddl(statement):
        session.end("COMMIT")  # DDL commits an open transaction
    elif isinstance(statement, CHANGES) and not cursor._conn._autocommit:
        session.begin()
    _change(cursor, session, statement, params)
    if statement.args.get("set_autocommit") is not None:
        session.end("COMMIT")


def _is_ddl(statement: exp.Expr) -> bool:
    return isinstance(statement, DDL) or bool(statement.args.get("create_stage_name"))


def _end(cursor: fcur.FakeSnowflakeCursor, session: Session, statement: exp.Expr) -> None:
    reason = session.transaction
    session.end("COMMIT" if isinstance(statement, exp.Commit) else "ROLLBACK")
    if reason not in (None, "open") and isinstance(statement, exp.Commit):
        # Never let a test believe that something was committed.
        raise errors.aborted(reason)
    _run(cursor, SUCCESS.copy(), None)


def _change(cursor: fcur.FakeSnowflakeCursor, session: Session, statement: exp.Expr, params: Any) -> None:
    table = _locked_table(statement, session)
    deadline = time.monotonic() + float(session.parameters["LOCK_TIMEOUT"])
    try:
        if table:
            _lock(session, table)
        while True:
            had_begun = session.has_begun
            if isinstance(statement, CHANGES) and not _is_ddl(statement):
                session.begin_change()
            try:
                return _run(cursor, statement, params)
            except ProgrammingError as error:
                if not _may_retry(error, had_begun, session, deadline):
                    _note_failure(error, had_begun, session)
                    raise
                session.start_over()
                time.sleep(RETRY_SECONDS)
    finally:
        session.end_statement()


def _lock(session: Session, table: str) -> None:
    try:
        session.lock(table)
    except ProgrammingError as error:
        # Nothing was executed, so the transaction is intact.
        if session.is_in_transaction and session.parameters["TRANSACTION_ABORT_ON_ERROR"]:
            session.abort(_first_line(error))
        raise


def _first_line(error: ProgrammingError) -> str:
    return f"a statement failed: {str(error.msg).splitlines()[0]}"


def _may_retry(error: ProgrammingError, had_begun: bool, session: Session, deadline: float) -> bool:
    """If this was the first change of its transaction, nothing is lost by restarting the transaction."""
    return error.errno == errors.LOCKED and not had_begun and not session.is_canceled and time.monotonic() < deadline


def _note_failure(error: ProgrammingError, had_begun: bool, session: Session) -> None:
    """Snowflake undoes the statement alone, unless told otherwise; DuckDB can only undo the whole transaction."""
    if not session.is_in_transaction:
        return
    if had_begun or session.parameters["TRANSACTION_ABORT_ON_ERROR"]:
        session.abort(_first_line(error))
    else:
        session.start_over()


def _locked_table(statement: exp.Expr, session: Session) -> str | None:
    if not isinstance(statement, LOCKING):
        return None
    table = statement.find(exp.Table)
    if table is None:
        return None
    catalog, schema = table.catalog or session.connection.database, table.db or session.connection.schema
    return f"{catalog}.{schema}.{table.name}".upper()


def _run(cursor: fcur.FakeSnowflakeCursor, statement: exp.Expr, params: Any) -> None:
    try:
        _execute(cursor, statement, params)
    except duckdb.Error as error:
        raise errors.from_duckdb(error) from error
    except (AssertionError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise errors.from_fakesnow(error) from error
    if isinstance(statement, exp.Merge):
        _count_merged(cursor, statement)


def _count_merged(cursor: fcur.FakeSnowflakeCursor, statement: exp.Expr) -> None:
    """DuckDB returns each row's action, Snowflake a count for each kind."""
    actions = cursor._arrow_table.column(0).to_pylist()
    counts = {kind: actions.count(action) for kind, action in MERGE_ACTIONS.items()}
    kinds = statement.meta.get("kinds", list(counts))
    sql = "SELECT " + ", ".join(f'{counts[kind]} AS "number of rows {kind}"' for kind in kinds)
    cursor._duck_conn.execute(sql)
    cursor._arrow_table, cursor._rowcount = cursor._duck_conn.to_arrow_table(), len(actions)
    cursor._last_sql, cursor._last_params = sql, None


MERGE_ACTIONS = {"inserted": "INSERT", "updated": "UPDATE", "deleted": "DELETE"}
