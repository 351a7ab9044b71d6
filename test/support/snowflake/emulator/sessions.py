"""A login: its parameters, its role, and its transaction."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any

import duckdb
from fakesnow.conn import FakeSnowflakeConnection

import errors
from locks import TableLocks

# Snowflake's own defaults, in seconds.
DEFAULTS = {
    "LOCK_TIMEOUT": 43200,
    "QUERY_TAG": "",
    "STATEMENT_TIMEOUT_IN_SECONDS": 172800,
    "TRANSACTION_ABORT_ON_ERROR": False,
}
_ids = itertools.count(1)

CURRENT: ContextVar[Session] = ContextVar("session")


class Session:
    def __init__(
        self, connection: FakeSnowflakeConnection, locks: TableLocks, user: str, role: str, warehouse: str
    ) -> None:
        self.id = next(_ids)
        self.connection = connection
        self.user, self.role, self.warehouse = user, role, warehouse
        self.parameters: dict[str, Any] = dict(DEFAULTS)
        self._locks = locks
        # None, "open", or why it was aborted.
        self.transaction: str | None = None
        self.transaction_id: int | None = None
        # DuckDB's transaction begins with the first change. Until then, each statement sees the commits of other sessions.
        self._has_begun = False
        self._busy = threading.Lock()
        self._idle_since = time.monotonic()
        self._canceled = threading.Event()
        self.is_timed_out = False
        connection.emulated = self  # type: ignore[attr-defined]

    @property
    def duck(self) -> duckdb.DuckDBPyConnection:
        return self.connection._duck_conn

    @property
    def is_in_transaction(self) -> bool:
        return self.transaction == "open"

    @property
    def is_canceled(self) -> bool:
        return self._canceled.is_set()

    @contextmanager
    def statement(self) -> Iterator[None]:
        """A session that executes a statement is not idle. The time limit of statements applies."""
        with self._busy:
            self._canceled.clear()
            self.is_timed_out = False
            timer = threading.Timer(self.statement_timeout_seconds, self._time_out)
            timer.daemon = True
            timer.start()
            try:
                yield
            finally:
                timer.cancel()
                self._idle_since = time.monotonic()

    @property
    def statement_timeout_seconds(self) -> float:
        # For Snowflake, 0 means a week.
        return float(self.parameters["STATEMENT_TIMEOUT_IN_SECONDS"]) or 604800

    def _time_out(self) -> None:
        self.is_timed_out = True
        self.cancel()

    def cancel(self) -> None:
        self._canceled.set()
        self.duck.interrupt()

    def begin(self) -> None:
        """A nested BEGIN is ignored."""
        if self.transaction is None:
            self.transaction, self.transaction_id = "open", time.time_ns()

    def begin_change(self) -> None:
        """Before the first change of an open transaction."""
        if self.is_in_transaction and not self._has_begun:
            self.duck.execute("BEGIN")
            self._has_begun = True
            self.connection._in_transaction = True

    @property
    def has_begun(self) -> bool:
        return self._has_begun

    def lock(self, table: str) -> None:
        self._locks.acquire(table, self, float(self.parameters["LOCK_TIMEOUT"]))

    def end_statement(self) -> None:
        """Without a transaction, a statement's locks end with it."""
        if not self.is_in_transaction:
            self._locks.release_all(self)

    def start_over(self) -> None:
        """The open transaction has changed nothing yet: give it a fresh view."""
        self._roll_back_duck()

    def end(self, how: str) -> None:
        """COMMIT or ROLLBACK."""
        try:
            if self._has_begun:
                self.duck.execute(how)
        except duckdb.Error as error:
            self._roll_back_duck()
            raise errors.from_duckdb(error) from error
        finally:
            self._forget()
            self.transaction = self.transaction_id = None

    def abort(self, reason: str) -> None:
        """Discards its changes and its locks. The client learns of it from its next statement."""
        self._roll_back_duck()
        self._forget()
        self.transaction = reason

    def abort_if_idle(self, seconds: float) -> None:
        if not self._busy.acquire(blocking=False):
            return
        try:
            if self.is_in_transaction and time.monotonic() - self._idle_since >= seconds:
                self.abort("it was idle and another one waited for its locks")
        finally:
            self._busy.release()

    def close(self) -> None:
        """Cancels the running statement and rolls back the open transaction."""
        self.cancel()
        with self._busy:
            self._roll_back_duck()
            self._forget()
            self.transaction = self.transaction_id = None
            self.connection.close()

    def _roll_back_duck(self) -> None:
        if self._has_begun:
            # After some errors, DuckDB has already ended the transaction.
            with suppress(duckdb.TransactionException):
                self.duck.execute("ROLLBACK")
        self._has_begun = False
        self.connection._in_transaction = False

    def _forget(self) -> None:
        self._has_begun = False
        self.connection._in_transaction = False
        self._locks.release_all(self)
