"""Statements about the account: answered here instead of by fakesnow. Privileges are recorded, not enforced."""

from __future__ import annotations

import os
import re
import threading
from typing import Any

import duckdb

import account_state
import grants
import objects
import show
import stages
from account_state import Grant, State
from catalog import Catalog, Object
from sessions import Session
from tables import Table
from tokens import Tokens

_COMMENTS = r"(?is)(\s|--[^\n]*\n|/\*.*?\*/)*"
_MINE = re.compile(rf"{_COMMENTS}(create|alter|drop|desc|describe|show|grant|revoke|use|remove|rm)\b")
_CHANGES_OBJECTS = re.compile(rf"{_COMMENTS}(create|alter|drop|undrop)\b")
_REPLACES = re.compile(rf"{_COMMENTS}create\s+or\s+replace\b")
_HANDLERS = (objects.answer, stages.answer, grants.answer, show.answer)


class Account:
    def __init__(self, path: str | None, catalog: Catalog) -> None:
        self._path = path
        self.catalog = catalog
        self.state: State = account_state.load(path)
        # Sessions execute side by side.
        self._lock = threading.RLock()
        catalog.restore_stages(self.state.stages)
        self.note_objects("ACCOUNTADMIN")

    @classmethod
    def open(cls, folder: str | None, connection: duckdb.DuckDBPyConnection) -> Account:
        return cls(os.path.join(folder, "account.json") if folder else None, Catalog(connection))

    @property
    def parameters(self) -> dict[str, Any]:
        return self.state.parameters

    def default_role(self, user: str) -> str:
        return self.state.users.get(user, {}).get("DEFAULT_ROLE") or "ACCOUNTADMIN"

    def answer(self, session: Session, sql: str) -> dict[str, Any] | None:
        """Returns None if the statement is not about the account."""
        if not _MINE.match(sql):
            return None
        with self._lock:
            for handler in _HANDLERS:
                table: Table | None = handler(self, session, Tokens(sql))
                if table is not None:
                    return table.as_data()
        return None

    def after(self, session: Session, sql: str) -> None:
        """A statement that fakesnow executed may have created or dropped objects."""
        if not _CHANGES_OBJECTS.match(sql):
            return
        with self._lock:
            self.note_objects(session.role, self._replaced(session, sql))

    def save(self) -> None:
        account_state.save(self.state, self._path)

    def _replaced(self, session: Session, sql: str) -> frozenset[Object]:
        """A replaced object loses the grants on the old object of the same name."""
        if not _REPLACES.match(sql) or re.search(r"(?i)\bcopy\s+grants\b", sql):
            return frozenset()
        words = Tokens(sql)
        words.expect("CREATE")
        words.expect("OR", "REPLACE")
        while not words.accept("TABLE") and not words.accept("VIEW") and not words.accept("STAGE"):
            if words.at_end or words.peek()[0] != "word":
                return frozenset()
            words.word()
        name = grants.full_name(session, words.name())
        return frozenset((kind, name) for kind in ("TABLE", "VIEW", "STAGE"))

    def note_objects(self, role: str, replaced: frozenset[Object] = frozenset()) -> None:
        """Makes the role the owner of new objects, applies future grants, and removes the grants on dropped objects."""
        self.catalog.forget_stages_without_schema()
        there = set(self.catalog.objects())
        known = {
            (g.on, g.name) for g in self.state.grants if g.privilege == "OWNERSHIP" and g.on in grants.IN_DATABASES
        }
        for kind, name in (known - there) | replaced:
            self.state.forget(kind, name)
        for kind, name in sorted(there - (known - replaced)):
            self.state.own(kind, name, role)
            self._grant_future(kind, name, role)
        self.state.stages = self.catalog.stages()
        self.save()

    def _grant_future(self, kind: str, name: str, role: str) -> None:
        scopes = {f"{name.rsplit('.', depth)[0]}.<{kind}>" for depth in (1, 2)}
        for grant in [g for g in self.state.future if g.on == kind and g.name in scopes]:
            self.state.add(Grant(grant.privilege, kind, name, grant.to, grant.grantee, role, grant.option))
