"""Snowflake's errors. The driver and the product decide by the number whether to retry."""

from __future__ import annotations

import duckdb
from snowflake.connector.errors import ProgrammingError

LOCKED = 625
CANCELED = 604


def sql_error(code: int, state: str, message: str) -> ProgrammingError:
    return ProgrammingError(msg=message, errno=code, sqlstate=state)


def not_found(kind: str, name: str) -> ProgrammingError:
    return sql_error(
        2003, "02000", f"SQL compilation error:\n{kind.title()} '{name}' does not exist or not authorized."
    )


def cannot_be_seen() -> ProgrammingError:
    """The error of SHOW .. IN and USE for a missing object."""
    message = "SQL compilation error:\nObject does not exist, or operation cannot be performed."
    return sql_error(2043, "02000", message)


def exists(name: str) -> ProgrammingError:
    return sql_error(2002, "42710", f"SQL compilation error:\nObject '{name}' already exists.")


def syntax(message: str) -> ProgrammingError:
    return sql_error(1003, "42000", f"SQL compilation error:\n{message}")


def invalid_value(message: str) -> ProgrammingError:
    return sql_error(1008, "22023", f"SQL compilation error:\n{message}")


def canceled() -> ProgrammingError:
    return sql_error(CANCELED, "57014", "SQL execution canceled")


def timed_out(seconds: float) -> ProgrammingError:
    message = f"Statement reached its statement or warehouse timeout of {seconds:g} second(s) and was canceled."
    return sql_error(630, "57014", message)


def aborted(reason: str) -> ProgrammingError:
    """A transaction that only COMMIT or ROLLBACK can end."""
    return sql_error(100132, "25000", f"Transaction is aborted ({reason}): roll back")


def locked(table: str) -> ProgrammingError:
    message = f"Statement has locked table '{table}' in another transaction and this lock has not yet been released."
    return sql_error(LOCKED, "57014", message)


def from_duckdb(error: duckdb.Error) -> ProgrammingError:
    message, first = str(error), str(error).split("\n")[0]
    if isinstance(error, duckdb.InterruptException):
        return canceled()
    if "NOT NULL constraint" in message:
        return sql_error(100072, "22000", f"NULL result in a non-nullable column ({first})")
    if "same target row more than once" in message:
        return sql_error(100090, "42P18", "Duplicate row detected during DML action")
    if "Malformed JSON" in message or "Error parsing JSON" in message:
        return sql_error(100069, "22P02", f"Error parsing JSON: {first}")
    if isinstance(error, duckdb.TransactionException) and "onflict" in message:
        return sql_error(LOCKED, "57014", f"Statement aborted: lock conflict ({first})")
    return sql_error(100132, "P0000", first)


def from_fakesnow(error: Exception) -> ProgrammingError:
    """Unsupported statements must not cause an HTTP 500, because drivers repeat a statement after it."""
    return sql_error(2, "0A000", f"Unsupported feature ({type(error).__name__}: {error})")
