"""GRANT and REVOKE: of privileges on objects, on all and on future ones, of ownership, and of roles."""

from __future__ import annotations

from typing import TYPE_CHECKING

import errors
from account_state import Grant
from sessions import Session
from tables import Table, status
from tokens import Tokens, quote

if TYPE_CHECKING:
    from account import Account

IN_DATABASES = ("DATABASE", "SCHEMA", "TABLE", "VIEW", "STAGE")
_ON_ACCOUNT = {"WAREHOUSE": "warehouses", "ROLE": "roles", "USER": "users", "RESOURCE MONITOR": "monitors"}
_PLURALS = {f"{kind}S": kind for kind in ("SCHEMA", "TABLE", "VIEW", "STAGE")}
# The privileges that Snowflake grants for ALL PRIVILEGES, limited to those that tests use.
_ALL = {
    "DATABASE": ["CREATE SCHEMA", "MODIFY", "MONITOR", "USAGE"],
    "SCHEMA": ["CREATE STAGE", "CREATE TABLE", "CREATE VIEW", "MODIFY", "MONITOR", "USAGE"],
    "TABLE": ["DELETE", "INSERT", "REFERENCES", "SELECT", "TRUNCATE", "UPDATE"],
    "VIEW": ["REFERENCES", "SELECT"],
    "STAGE": ["READ", "WRITE"],
    "WAREHOUSE": ["MODIFY", "MONITOR", "OPERATE", "USAGE"],
}


def full_name(session: Session, parts: list[str], depth: int = 3) -> str:
    """A name as in SHOW GRANTS, completed with the session's database and schema."""
    place = [session.connection.database or "", session.connection.schema or ""][: depth - 1]
    missing = depth - len(parts)
    return ".".join(quote(part) for part in place[: max(0, missing)] + parts)


def answer(account: Account, session: Session, words: Tokens) -> Table | None:
    revokes = words.accept("REVOKE")
    if not revokes and not words.accept("GRANT"):
        return None
    if words.accept("GRANT", "OPTION", "FOR"):
        raise errors.from_fakesnow(ValueError("GRANT OPTION FOR"))
    is_role = words.accept("ROLE")
    grants, future = _of_role(account, words) if is_role else _of_privileges(account, session, words)
    to, grantee = _grantee(account, words, "FROM" if revokes else "TO")
    option = words.accept("WITH", "GRANT", "OPTION")
    current = words.accept("COPY", "CURRENT", "GRANTS") or words.accept("REVOKE", "CURRENT", "GRANTS")
    if not words.accept("CASCADE"):
        words.accept("RESTRICT")
    words.end()
    found = [Grant(privilege, on, name, to, grantee, session.role, option) for privilege, on, name in grants]
    if revokes:
        _revoke(account, found, future)
    else:
        _grant(account, found, future, keeps=current)
    account.save()
    return status()


# Privilege, kind of object, name.
Granted = tuple[str, str, str]


def _of_role(account: Account, words: Tokens) -> tuple[list[Granted], bool]:
    name = words.identifier()
    if name not in account.state.roles:
        raise errors.not_found("ROLE", name)
    return [("USAGE", "ROLE", quote(name))], False


def _of_privileges(account: Account, session: Session, words: Tokens) -> tuple[list[Granted], bool]:
    privileges = _privileges(words)
    future = words.accept("FUTURE")
    objects = [_future(account, session, words)] if future else _objects(account, session, words)
    granted = [(on, name, _ALL.get(on, []) if privileges == ["ALL"] else privileges) for on, name in objects]
    return [(privilege, on, name) for on, name, each in granted for privilege in each], future


def _privileges(words: Tokens) -> list[str]:
    found: list[str] = []
    while not words.accept("ON"):
        part = words.word()
        while words.peek()[0] == "word" and words.peek()[1].upper() != "ON":
            part += f" {words.word()}"
        found.append("ALL" if part == "ALL PRIVILEGES" else part)
        words.accept(",")
    return found


def _scope(account: Account, session: Session, words: Tokens) -> str:
    """The schema or the database after ALL or FUTURE .. IN."""
    words.expect("IN")
    kind = "SCHEMA" if words.accept("SCHEMA") else "DATABASE"
    if kind == "DATABASE":
        words.expect("DATABASE")
    name = full_name(session, words.name(), 2 if kind == "SCHEMA" else 1)
    _check(account, kind, name)
    return name


def _future(account: Account, session: Session, words: Tokens) -> tuple[str, str]:
    kind = _PLURALS.get(plural := words.word())
    if kind is None:
        raise errors.syntax(f"syntax error: unexpected '{plural}'")
    return kind, f"{_scope(account, session, words)}.<{kind}>"


def _objects(account: Account, session: Session, words: Tokens) -> list[tuple[str, str]]:
    if words.accept("ACCOUNT"):
        return [("ACCOUNT", "FAKESNOW")]
    if words.accept("ALL"):
        kind = _PLURALS.get(words.word(), "")
        within = _scope(account, session, words)
        return [(on, name) for on, name in account.catalog.objects() if on == kind and name.startswith(f"{within}.")]
    kind = named_kind(words)
    name = object_name(account, session, kind, words)
    return [(_as_it_is(account, kind, name), name)]


def named_kind(words: Tokens) -> str:
    if words.accept("RESOURCE", "MONITOR"):
        return "RESOURCE MONITOR"
    # A table or a view may be named without its kind, as dbt does.
    return next((kind for kind in (*IN_DATABASES, *_ON_ACCOUNT) if words.accept(kind)), "TABLE")


def object_name(account: Account, session: Session, kind: str, words: Tokens) -> str:
    depth = {"DATABASE": 1, "SCHEMA": 2}.get(kind, 3 if kind in IN_DATABASES else 1)
    name = full_name(session, words.name(), depth)
    _check(account, kind, name)
    return name


def _check(account: Account, kind: str, name: str) -> None:
    if kind in _ON_ACCOUNT:
        found = name in {quote(known) for known in account.state.of(kind)}
    else:
        found = (_as_it_is(account, kind, name), name) in account.catalog.objects()
    if not found:
        raise errors.not_found(kind, name)


def _as_it_is(account: Account, kind: str, name: str) -> str:
    """GRANT .. ON TABLE also accepts views."""
    return "VIEW" if kind == "TABLE" and ("VIEW", name) in account.catalog.objects() else kind


def _grantee(account: Account, words: Tokens, preposition: str) -> tuple[str, str]:
    words.expect(preposition)
    kind = "USER" if words.accept("USER") else "ROLE"
    words.accept("ROLE")
    name = words.identifier()
    if name not in account.state.of(kind):
        raise errors.not_found(kind, name)
    return kind, quote(name)


def _grant(account: Account, grants: list[Grant], future: bool, keeps: bool) -> None:
    for grant in grants:
        if grant.privilege == "OWNERSHIP" and not future:
            others = [
                g
                for g in account.state.grants
                if (g.on, g.name) == (grant.on, grant.name) and g.privilege != "OWNERSHIP"
            ]
            if others and not keeps:
                text = "SQL execution error: Dependent grant of privilege exists. It must be revoked first"
                raise errors.sql_error(3001, "42501", text)
            account.state.own(grant.on, grant.name, grant.grantee)
        else:
            account.state.add(grant, future)


def _revoke(account: Account, grants: list[Grant], future: bool) -> None:
    """Revoking a missing grant is not an error."""
    gone = {grant.key for grant in grants}
    known = account.state.future if future else account.state.grants
    known[:] = [grant for grant in known if grant.key not in gone]
