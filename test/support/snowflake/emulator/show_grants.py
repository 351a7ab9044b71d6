"""SHOW GRANTS and SHOW FUTURE GRANTS, with the columns that Snowflake documents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import errors
from account_state import Grant
from grants import full_name, named_kind, object_name
from sessions import Session
from tables import Table
from tokens import Tokens, quote

if TYPE_CHECKING:
    from account import Account

_GRANT_COLUMNS = "created_on@ privilege granted_on name granted_to grantee_name grant_option granted_by"
_OF_USER = "created_on@ privilege granted_on name role granted_to grantee_name grant_option granted_by"


def _row(grant: Grant) -> list[Any]:
    return [grant.created, grant.privilege, grant.on, grant.name, grant.to, grant.grantee, grant.option, grant.by]


def show_grants(account: Account, session: Session, words: Tokens) -> Table:
    if words.accept("ON"):
        return _grants_on(account, session, words)
    if words.accept("OF"):
        words.expect("ROLE")
        name = _known(account, "ROLE", words)
        found = [g for g in account.state.grants if (g.privilege, g.on, g.name) == ("USAGE", "ROLE", name)]
        rows = [[g.created, name, g.to, g.grantee, g.by] for g in found]
        return Table("created_on@ role granted_to grantee_name granted_by", rows)
    words.expect("TO")
    kind = "USER" if words.accept("USER") else "ROLE"
    words.accept("ROLE")
    name = _known(account, kind, words)
    rows = [_row(g) for g in account.state.grants if (g.to, g.grantee) == (kind, name)]
    if kind == "ROLE":
        return Table(_GRANT_COLUMNS, rows)
    return Table(_OF_USER, [[*row[:4], row[3] if row[2] == "ROLE" else "", *row[4:]] for row in rows])


def _known(account: Account, kind: str, words: Tokens) -> str:
    name = words.identifier()
    end(words)
    if name not in account.state.of(kind):
        raise errors.not_found(kind, name)
    return quote(name)


def _grants_on(account: Account, session: Session, words: Tokens) -> Table:
    if words.accept("ACCOUNT"):
        kind, name = "ACCOUNT", "FAKESNOW"
    else:
        kind = named_kind(words)
        name = object_name(account, session, kind, words)
    end(words)
    kinds = ("TABLE", "VIEW") if kind == "TABLE" else (kind,)
    return Table(_GRANT_COLUMNS, [_row(g) for g in account.state.grants if g.on in kinds and g.name == name])


def show_future_grants(account: Account, session: Session, words: Tokens) -> Table:
    columns = "created_on@ privilege grant_on name grant_to grantee_name grant_option"
    if words.accept("TO"):
        words.expect("ROLE")
        name = _known(account, "ROLE", words)
        found = [g for g in account.state.future if g.grantee == name]
    else:
        within = place(account, session, words)
        end(words)
        found = [g for g in account.state.future if g.name.startswith(within)]
    return Table(columns, [_row(grant)[:-1] for grant in found])


def place(account: Account, session: Session, words: Tokens) -> str:
    """The prefix of the requested names."""
    connection = session.connection
    if not words.accept("IN"):
        return f"{full_name(session, [connection.schema], 2)}." if connection.schema_set and connection.schema else ""
    if words.accept("ACCOUNT"):
        return ""
    is_database = words.accept("DATABASE")
    words.accept("SCHEMA")
    kind, depth = ("DATABASE", 1) if is_database else ("SCHEMA", 2)
    name = full_name(session, words.name(), depth)
    if (kind, name) not in account.catalog.objects():
        raise errors.cannot_be_seen()
    return f"{name}."


def end(words: Tokens) -> None:
    """Ignores a limit, because the results are short."""
    words.accept("IN", "ACCOUNT")
    if words.accept("LIMIT"):
        words.value()
    words.end()
