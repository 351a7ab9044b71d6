"""CREATE, ALTER, DROP, DESCRIBE, USE of warehouses, roles, users and monitors; parameters of session and account."""

from __future__ import annotations

import base64
import binascii
import hashlib
import time
from typing import TYPE_CHECKING, Any

import errors
from sessions import DEFAULTS, Session
from tables import Table, status
from tokens import Tokens, quote

if TYPE_CHECKING:
    from account import Account

KINDS = {"WAREHOUSE": ("WAREHOUSE",), "ROLE": ("ROLE",), "USER": ("USER",), "RESOURCE MONITOR": ("RESOURCE", "MONITOR")}
SIZES = {
    "XSMALL": "X-Small",
    "SMALL": "Small",
    "MEDIUM": "Medium",
    "LARGE": "Large",
    "XLARGE": "X-Large",
    "XXLARGE": "2X-Large",
    "X2LARGE": "2X-Large",
    "XXXLARGE": "3X-Large",
    "X3LARGE": "3X-Large",
    "X4LARGE": "4X-Large",
}


def answer(account: Account, session: Session, words: Tokens) -> Table | None:
    for verb, act in (
        ("CREATE", _create),
        ("ALTER", _alter),
        ("DROP", _drop),
        ("DESCRIBE", _describe),
        ("DESC", _describe),
    ):
        if words.accept(verb):
            return act(account, session, words)
    return _use(account, session, words) if words.accept("USE") else None


def _kind(words: Tokens) -> str | None:
    return next((kind for kind, parts in KINDS.items() if words.accept(*parts)), None)


def _create(account: Account, session: Session, words: Tokens) -> Table | None:
    replaces = words.accept("OR", "REPLACE")
    kind = _kind(words)
    if kind is None:
        return None
    if_missing = words.accept("IF", "NOT", "EXISTS")
    name, known = words.identifier(), account.state.of(kind)
    if name in known and not replaces:
        if if_missing:
            return status(f"{name} already exists, statement succeeded.")
        raise errors.exists(name)
    account.state.forget(kind, quote(name))
    known[name] = {"created": time.time(), **_defaults(kind), **_settings(kind, words)}
    words.end()
    account.state.own(kind, quote(name), session.role)
    account.save()
    return status(f"{kind.title()} {name} successfully created.")


def _defaults(kind: str) -> dict[str, Any]:
    if kind == "WAREHOUSE":
        return {"WAREHOUSE_SIZE": "X-Small", "AUTO_SUSPEND": "600", "AUTO_RESUME": "true", "state": "STARTED"}
    return {"TYPE": "PERSON"} if kind == "USER" else {}


def _settings(kind: str, words: Tokens) -> dict[str, Any]:
    words.accept("WITH")
    found: dict[str, Any] = words.properties()
    if kind == "RESOURCE MONITOR" and words.accept("TRIGGERS"):
        found["triggers"] = _triggers(words)
        found.update(words.properties())
    if found.get("FREQUENCY") and not found.get("START_TIMESTAMP"):
        raise errors.syntax("FREQUENCY needs START_TIMESTAMP")
    if "WAREHOUSE_SIZE" in found:
        found["WAREHOUSE_SIZE"] = _size(found["WAREHOUSE_SIZE"])
    if found.pop("INITIALLY_SUSPENDED", "false").lower() == "true":
        found["state"] = "SUSPENDED"
    for key in ("RSA_PUBLIC_KEY", "RSA_PUBLIC_KEY_2"):
        if key in found:
            found[f"{key}_FP"] = fingerprint(found[key])
    upper = ("TYPE", "DEFAULT_ROLE", "DEFAULT_WAREHOUSE", "FREQUENCY", "RESOURCE_MONITOR")
    return {key: value.upper() if key in upper else value for key, value in found.items()}


def _size(given: str) -> str:
    size = SIZES.get(given.upper().replace("-", ""))
    if size is None:
        raise errors.invalid_value(f"invalid value '{given}' for property 'WAREHOUSE_SIZE'")
    return size


def fingerprint(public_key: str) -> str:
    try:
        der = base64.b64decode("".join(public_key.split()), validate=True)
    except binascii.Error as error:
        raise errors.invalid_value("New public key rejected by current policy. Reason: 'Invalid public key'") from error
    return "SHA256:" + base64.b64encode(hashlib.sha256(der).digest()).decode()


def _triggers(words: Tokens) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    while words.accept("ON"):
        percent = words.value()
        words.expect("PERCENT", "DO")
        found.setdefault(words.word(), []).append(percent)
    return found


def _alter(account: Account, session: Session, words: Tokens) -> Table | None:
    if words.accept("SESSION"):
        return _alter_session(session, words)
    if words.accept("ACCOUNT"):
        words.expect("SET")
        account.state.parameters.update({key: literal(value) for key, value in words.properties().items()})
        account.save()
        return status()
    kind = _kind(words)
    if kind is None:
        return None
    if_there = words.accept("IF", "EXISTS")
    name, known = words.identifier(), account.state.of(kind)
    if name not in known:
        if if_there:
            return status()
        raise errors.not_found(kind, name)
    _change(account, kind, known[name], words)
    account.save()
    return status()


def _change(account: Account, kind: str, properties: dict[str, Any], words: Tokens) -> None:
    if words.accept("UNSET"):
        _unset(kind, properties, words)
    elif kind == "WAREHOUSE" and words.accept("SUSPEND"):
        properties["state"] = "SUSPENDED"
    elif kind == "WAREHOUSE" and words.accept("RESUME"):
        words.accept("IF", "SUSPENDED")
        properties["state"] = "STARTED"
    else:
        words.expect("SET")
        found = _settings(kind, words)
        monitor = found.get("RESOURCE_MONITOR")
        if monitor not in (None, "NULL") and monitor not in account.state.monitors:
            raise errors.not_found("RESOURCE MONITOR", str(monitor))
        properties.update(found)
    words.end()


def _unset(kind: str, properties: dict[str, Any], words: Tokens) -> None:
    while not words.at_end:
        key = words.word()
        for part in (key, f"{key}_FP"):
            properties.pop(part, None)
        words.accept(",")
    for key, value in _defaults(kind).items():
        properties.setdefault(key, value)


def _alter_session(session: Session, words: Tokens) -> Table | None:
    if words.accept("UNSET"):
        while not words.at_end:
            key = words.word()
            session.parameters.pop(key, None)
            session.parameters.update({key: DEFAULTS[key]} if key in DEFAULTS else {})
            words.accept(",")
        return status()
    words.expect("SET")
    found = words.properties()
    words.end()
    session.parameters.update({key: literal(value) for key, value in found.items()})
    # fakesnow keeps this one.
    return None if "AUTOCOMMIT" in found else status()


def literal(value: str) -> str | bool:
    return value.lower() == "true" if value.lower() in ("true", "false") else value


def _drop_database(account: Account, session: Session, words: Tokens) -> Table:
    if_there = words.accept("IF", "EXISTS")
    name = words.identifier()
    is_there = ("DATABASE", quote(name)) in account.catalog.objects()
    if not is_there and not if_there:
        raise errors.not_found("DATABASE", name)
    session.end("COMMIT")
    if is_there:
        account.catalog.drop_database(name, session.connection)
        account.note_objects(session.role)
    return status(f"{name} successfully dropped.")


def _drop(account: Account, session: Session, words: Tokens) -> Table | None:
    if words.accept("DATABASE"):
        return None if words.accept("ROLE") else _drop_database(account, session, words)
    kind = _kind(words)
    if kind is None:
        return None
    if_there = words.accept("IF", "EXISTS")
    name, known = words.identifier(), account.state.of(kind)
    if name not in known and not if_there:
        raise errors.not_found(kind, name)
    known.pop(name, None)
    account.state.forget(kind, quote(name))
    if kind in ("ROLE", "USER"):
        owned = [g for g in account.state.grants if (g.privilege, g.to, g.grantee) == ("OWNERSHIP", kind, quote(name))]
        account.state.forget_grantee(kind, quote(name))
        for grant in owned:
            account.state.own(grant.on, grant.name, session.role)
    account.save()
    return status(f"{name} successfully dropped.")


def _use(account: Account, session: Session, words: Tokens) -> Table | None:
    if words.accept("SECONDARY", "ROLES"):
        return status()
    if words.accept("ROLE"):
        name = words.identifier()
        if name not in account.state.roles:
            raise errors.cannot_be_seen()
        session.role = name
        return status()
    if words.accept("WAREHOUSE"):
        session.warehouse = words.identifier()
        return status()
    return None


# The properties that DESCRIBE USER returns, in this order. Unset ones have the text 'null'.
_USER = (
    "NAME COMMENT DISPLAY_NAME TYPE LOGIN_NAME FIRST_NAME MIDDLE_NAME LAST_NAME EMAIL PASSWORD MUST_CHANGE_PASSWORD DISABLED "
    "SNOWFLAKE_LOCK DAYS_TO_EXPIRY MINS_TO_UNLOCK DEFAULT_WAREHOUSE DEFAULT_NAMESPACE DEFAULT_ROLE DEFAULT_SECONDARY_ROLES "
    "RSA_PUBLIC_KEY RSA_PUBLIC_KEY_FP RSA_PUBLIC_KEY_2 RSA_PUBLIC_KEY_2_FP"
).split()


def _describe(account: Account, _session: Session, words: Tokens) -> Table | None:
    if not words.accept("USER"):
        return None
    name = words.identifier()
    if name not in account.state.users:
        raise errors.not_found("USER", name)
    defaults = {"DISABLED": "false", "MUST_CHANGE_PASSWORD": "false", "SNOWFLAKE_LOCK": "false"}
    known = {**defaults, "NAME": name, "DISPLAY_NAME": name, "LOGIN_NAME": name, **account.state.users[name]}
    rows = [[key, known.get(key, "null"), defaults.get(key, "null"), ""] for key in _USER]
    return Table("property value default description", rows)
