"""Executes one statement, from the driver's request to the body of the response."""

from __future__ import annotations

import json
import uuid
from typing import Any

import duckdb
import fakesnow.server as fs
from snowflake.connector.errors import DatabaseError
from starlette.requests import Request

import array_binds
import errors
from account import Account
from rewriting import before_parsing
from sessions import Session

Body = dict[str, Any]


def failure(code: str, state: str, message: str) -> Body:
    data = {"errorCode": code, "sqlState": state, "queryId": str(uuid.uuid4())}
    return {"success": False, "code": code, "message": message, "data": data}


def from_error(error: DatabaseError) -> Body:
    return failure(f"{error.errno:06d}", error.sqlstate or "", error.msg or "")


def success(session: Session, data: dict[str, Any]) -> Body:
    connection = session.connection
    place = {"finalDatabaseName": connection.database, "finalSchemaName": connection.schema}
    return {
        "success": True,
        "data": {"queryId": str(uuid.uuid4()), "total": len(data.get("rowset", [])), **place, **data},
    }


async def run(request: Request, session: Session, account: Account, statement: Body) -> tuple[Body, int]:
    """Returns the body and its HTTP status, which is never 500, because drivers repeat a statement after it."""
    statement = {**statement, "sqlText": before_parsing(statement.get("sqlText") or "")}
    is_bound = False
    try:
        answer = account.answer(session, statement["sqlText"])
        if answer is not None:
            return success(session, answer), 200
        statement, is_bound = _bind(session, statement)
        response = await fs.query_request(_with_body(request, statement))
        body = json.loads(response.body)
        if body.get("success"):
            account.after(session, statement["sqlText"])
    except DatabaseError as error:
        return from_error(_reason(session, error)), 200
    except ValueError as error:
        return failure("100038", "22018", f"Numeric value is not recognized: {error}"), 200
    except fs.ServerError as error:
        return {"data": None, "code": error.code, "message": error.message, "success": False}, error.status_code
    finally:
        if is_bound:
            _unbind(session)
    if response.status_code == 500:
        return failure("000603", "XX000", body.get("message") or "internal error"), 200
    if (body.get("data") or {}).get("errorCode") == f"{errors.CANCELED:06d}" and session.is_timed_out:
        return from_error(errors.timed_out(session.statement_timeout_seconds)), 200
    return body, response.status_code


def _reason(session: Session, error: DatabaseError) -> DatabaseError:
    is_timeout = error.errno == errors.CANCELED and session.is_timed_out
    return errors.timed_out(session.statement_timeout_seconds) if is_timeout else error


def _bind(session: Session, statement: Body) -> tuple[Body, bool]:
    columns = array_binds.columns_of(session, statement)
    sql = array_binds.in_one_statement(session, statement["sqlText"], columns) if columns else None
    if not columns or not sql:
        return statement, False
    # Within the transaction, so that a rollback also removes the registered table.
    session.begin_change()
    session.duck.register(array_binds.BINDS, array_binds.table_of(columns))
    return {**statement, "sqlText": sql, "bindings": None}, True


def _unbind(session: Session) -> None:
    try:
        session.duck.unregister(array_binds.BINDS)
    except duckdb.Error:
        # The transaction was rolled back meanwhile, which removed the table.
        pass


def _with_body(request: Request, body: Body) -> Request:
    raw = json.dumps(body).encode()

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": raw, "more_body": False}

    headers = [(name, value) for name, value in request.scope["headers"] if name != b"content-encoding"]
    return Request({**request.scope, "headers": headers}, receive)
