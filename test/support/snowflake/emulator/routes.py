"""Snowflake's protocol over HTTP: the parts that fakesnow's server lacks for the Node driver and for dbt."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import time
from typing import Any

import fakesnow.server as fs
import sqlglot
from fakesnow.transforms import stage
from sqlglot import exp
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

import logins
import statements
from account import Account
from json_rows import parameters, to_json_rows
from locks import TableLocks
from rewriting import before_parsing
from sessions import CURRENT, Session
from sql_log import SqlLog

# How many responses are kept for repeated requests, by query and by request.
KEPT = 500


class Service:
    def __init__(self, account: Account, locks: TableLocks, log: SqlLog) -> None:
        self._account, self._locks, self._log = account, locks, log
        self._sessions: dict[str, Session] = {}
        # A session runs one statement at a time.
        self._locks_by_token: dict[str, asyncio.Lock] = {}
        self._results: dict[str, dict[str, Any]] = {}
        # By request id: a driver that missed the response repeats the request, which must not be executed twice.
        self._done: dict[str, dict[str, Any]] = {}
        self._under_way: dict[str, Session] = {}

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/session/v1/login-request", self.login, methods=["POST"]),
                Route("/session/token-request", self.renew, methods=["POST"]),
                Route("/session", self.session, methods=["POST"]),
                Route("/queries/v1/query-request", self.query, methods=["POST"]),
                Route("/queries/{id}/result", self.result, methods=["GET"]),
                Route("/queries/v1/abort-request", self.abort, methods=["POST"]),
                Route("/queries/{id}/abort-request", done, methods=["POST"]),
                Route("/telemetry/send", done, methods=["POST"]),
                Route("/fs_bucket/{path:path}", bucket_file, methods=["GET", "HEAD"]),
                *fs.routes,
            ]
        )

    async def login(self, request: Request) -> Response:
        asked = (await _body(request))["data"]
        user = str(asked.get("LOGIN_NAME") or "").upper()
        refusal = logins.refusal(self._account.state.users.get(user), asked)
        if refusal:
            return JSONResponse(statements.failure(*refusal))
        answer = json.loads((await fs.login_request(request)).body)
        data = answer["data"]
        token = data["token"]
        role = request.query_params.get("roleName") or self._account.default_role(user)
        warehouse = request.query_params.get("warehouse") or ""
        session = Session(fs.sessions[token], self._locks, user, role.upper(), warehouse.upper())
        session.parameters.update(self._account.parameters)
        session.parameters.update(asked.get("SESSION_PARAMETERS") or {})
        self._sessions[token] = session
        data.update(
            masterToken=token + "m", validityInSeconds=3600, masterValidityInSeconds=14400, sessionId=session.id
        )
        data["sessionInfo"].update(roleName=session.role, warehouseName=session.warehouse)
        if is_node(request):
            data["parameters"] = parameters(session)
        return JSONResponse(answer)

    async def renew(self, request: Request) -> Response:
        token = fs.to_token(request)[:-1]  # the request shows the master token
        data = {
            "sessionToken": token,
            "validityInSecondsST": 3600,
            "masterToken": token + "m",
            "validityInSecondsMT": 14400,
        }
        return JSONResponse({"success": True, "data": data})

    async def session(self, request: Request) -> Response:
        """The end of a session, or a heartbeat."""
        response = await fs.session(request)
        session = self._sessions.get(fs.to_token(request))
        if session and request.query_params.get("delete"):
            del self._sessions[fs.to_token(request)]
            self._locks_by_token.pop(fs.to_token(request), None)
            await run_in_threadpool(session.close)
        return response

    async def query(self, request: Request) -> Response:
        asked = await _body(request)
        request_id, started = request.query_params.get("requestId", ""), time.perf_counter()
        token = request.headers.get("authorization", "")[17:-1]
        async with self._locks_by_token.setdefault(token, asyncio.Lock()):
            if request_id in self._done:
                return JSONResponse(self._done[request_id])
            session = self._sessions.get(token)
            if session is None:
                self._locks_by_token.pop(token, None)
                return JSONResponse(
                    statements.failure("390104", "08001", "User must login again to access the service."), 401
                )
            self._under_way[request_id] = session
            try:
                body, status = await self._execute(request, session, asked)
            finally:
                self._under_way.pop(request_id, None)
        self._remember(request_id, body, status)
        self._log.write(_entry(session, asked, body, started))
        return JSONResponse(body, status_code=status)

    async def _execute(self, request: Request, session: Session, asked: dict[str, Any]) -> tuple[dict[str, Any], int]:
        CURRENT.set(session)
        with session.statement():
            body, status = await self._one_or_more(request, session, asked)
        if is_node(request) and body.get("success") and body.get("data"):
            to_json_rows(session, body["data"])
        _forget_old_results(session)
        return body, status

    async def _one_or_more(
        self, request: Request, session: Session, asked: dict[str, Any]
    ) -> tuple[dict[str, Any], int]:
        sql = before_parsing(asked.get("sqlText") or "")
        wanted = (asked.get("parameters") or {}).get("MULTI_STATEMENT_COUNT", 1)
        parts = [sql] if wanted == 1 and (asked.get("bindings") or ";" not in sql.rstrip("; \n")) else _parts(sql)
        if wanted not in (0, len(parts)):
            text = f"Actual statement count {len(parts)} did not match the desired statement count {wanted}."
            return statements.failure("000008", "0A000", text), 200
        if wanted == 1:
            return await statements.run(request, session, self._account, asked)
        return await self._many(request, session, asked, parts)

    async def _many(
        self, request: Request, session: Session, asked: dict[str, Any], parts: list[str]
    ) -> tuple[dict[str, Any], int]:
        ids = []
        for part in parts:
            body, status = await statements.run(request, session, self._account, {**asked, "sqlText": part})
            if not body.get("success"):
                return body, status
            to_json_rows(session, body["data"])
            self._results[body["data"]["queryId"]] = body
            ids.append(body["data"]["queryId"])
        results = {
            "resultIds": ",".join(ids),
            "resultTypes": ",".join("4096" for _ in ids),
            "multiStatementResult": True,
        }
        rows = {
            "rowtype": [],
            "rowset": [],
            "returned": 0,
            "version": 1,
            "parameters": parameters(session),
            "statementTypeId": 40960,
        }
        return statements.success(session, {**rows, **results}), 200

    def _remember(self, request_id: str, body: dict[str, Any], status: int) -> None:
        query_id = (body.get("data") or {}).get("queryId")
        if body.get("success") and query_id:
            _keep(self._results, query_id, body)
        if request_id and status == 200:
            _keep(self._done, request_id, body)

    async def result(self, request: Request) -> Response:
        body = self._results.get(request.path_params["id"])
        return JSONResponse(body or statements.failure("000709", "02000", "Statement not found"))

    async def abort(self, request: Request) -> Response:
        session = self._under_way.get((await _body(request)).get("requestId", ""))
        if session:
            session.cancel()
        return done(request)


def is_node(request: Request) -> bool:
    return request.headers.get("user-agent", "").startswith("JavaScript")


def done(_request: Request) -> Response:
    return JSONResponse({"success": True, "code": None, "message": None, "data": None})


async def bucket_file(request: Request) -> Response:
    """The Node driver checks first whether a file exists."""
    path = os.path.normpath(os.path.join(stage.LOCAL_BUCKET_PATH, request.path_params["path"]))
    is_there = path.startswith(stage.LOCAL_BUCKET_PATH + os.sep) and os.path.isfile(path)
    return FileResponse(path) if is_there else Response(status_code=404)


async def _body(request: Request) -> dict[str, Any]:
    raw = await request.body()
    return json.loads(gzip.decompress(raw) if request.headers.get("content-encoding") == "gzip" else raw)


def _parts(sql: str) -> list[str]:
    try:
        parsed = sqlglot.parse(sql, read="snowflake")
    except sqlglot.errors.SqlglotError:
        return [sql]  # its execution reports the error
    return [part.sql(dialect="snowflake") for part in parsed if part and not isinstance(part, exp.Semicolon)]


def _keep(answers: dict[str, dict[str, Any]], key: str, body: dict[str, Any]) -> None:
    answers[key] = body
    while len(answers) > KEPT:
        answers.pop(next(iter(answers)))


def _forget_old_results(session: Session) -> None:
    """Drops old results, which fakesnow would keep forever."""
    cache = session.connection.results_cache
    if len(cache) > KEPT:
        for key in list(cache)[: -KEPT // 2]:
            cache.pop(key, None)


def _entry(session: Session, asked: dict[str, Any], body: dict[str, Any], started: float) -> dict[str, Any]:
    ok = bool(body.get("success"))
    return {
        "ms": round((time.perf_counter() - started) * 1e3, 1),
        "ok": ok,
        "tag": (asked.get("parameters") or {}).get("QUERY_TAG") or session.parameters["QUERY_TAG"] or None,
        "role": session.role,
        "user": session.user,
        "session": session.id,
        "sql": asked.get("sqlText"),
        "err": None if ok else body.get("message"),
    }
