"""DROP STAGE and REMOVE, which fakesnow does not support."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from fakesnow.transforms import stage

import errors
from sessions import Session
from tables import Table, status
from tokens import Tokens

if TYPE_CHECKING:
    from account import Account


def answer(account: Account, session: Session, words: Tokens) -> Table | None:
    if words.accept("DROP", "STAGE"):
        return _drop(account, session, words)
    return _remove(account, session, words) if words.accept("REMOVE") or words.accept("RM") else None


def _full_name(session: Session, words: Tokens) -> tuple[str, str, str]:
    parts = words.name()
    database, schema = session.connection.database or "", session.connection.schema or ""
    full = [database, schema][: 3 - len(parts)] + parts
    return full[0], full[1], full[2]


def _drop(account: Account, session: Session, words: Tokens) -> Table:
    if_there = words.accept("IF", "EXISTS")
    name = _full_name(session, words)
    words.end()
    session.end("COMMIT")
    if not account.catalog.drop_stage(name) and not if_there:
        raise errors.not_found("STAGE", ".".join(name))
    shutil.rmtree(stage.internal_dir(".".join(name)), ignore_errors=True)
    account.note_objects(session.role)
    return status(f"{name[2]} successfully dropped.")


def _remove(account: Account, session: Session, words: Tokens) -> Table:
    """The files whose names begin with the given prefix."""
    words.expect("@")
    name = _full_name(session, words)
    if not account.catalog.has_stage(name):
        raise errors.not_found("STAGE", ".".join(name))
    folder = stage.internal_dir(".".join(name))
    found = [os.path.join(at, file) for at, _, files in os.walk(folder) for file in files]
    gone = sorted(path for path in found if os.path.relpath(path, folder).startswith(words.rest().lstrip("/")))
    for path in gone:
        os.remove(path)
    return Table("name result", [[stage.internal_file_name(path), "removed"] for path in gone])
