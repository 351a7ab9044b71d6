"""SHOW for the objects of the account, with the columns that Snowflake documents."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import errors
from sessions import Session
from show_grants import end, place, show_future_grants, show_grants
from tables import Table, like
from tokens import Tokens, quote

if TYPE_CHECKING:
    from account import Account


def answer(account: Account, session: Session, words: Tokens) -> Table | None:
    if not words.accept("SHOW"):
        return None
    if words.accept("GRANTS"):
        return show_grants(account, session, words)
    if words.accept("FUTURE", "GRANTS"):
        return show_future_grants(account, session, words)
    for parts, show in _SHOWS.items():
        if words.accept(*parts):
            return show(account, session, words)
    return None


def _pattern(words: Tokens) -> str | None:
    return words.value() if words.accept("LIKE") else None


def _warehouses(account: Account, session: Session, words: Tokens) -> Table:
    pattern = _pattern(words)
    end(words)
    columns = (
        "name state type size min_cluster_count# max_cluster_count# started_clusters# running# queued# is_default "
        "is_current auto_suspend# auto_resume available provisioning quiescing other created_on@ resumed_on@ "
        "updated_on@ owner comment enable_query_acceleration query_acceleration_max_scale_factor# resource_monitor "
        "scaling_policy owner_role_type"
    )
    rows = []
    for name, of in sorted(account.state.warehouses.items()):
        if not like(pattern, name):
            continue
        is_started, suspend, made = of["state"] == "STARTED", of["AUTO_SUSPEND"], of["created"]
        rows.append(
            [
                name,
                of["state"],
                "STANDARD",
                of["WAREHOUSE_SIZE"],
                1,
                1,
                int(is_started),
                0,
                0,
                "N",
                "Y" if session.warehouse == name else "N",
                None if suspend.upper() in ("0", "NULL") else suspend,
                of["AUTO_RESUME"].lower(),
                "100" if is_started else "",
                "",
                "",
                "",
                made,
                made,
                made,
                account.state.owner("WAREHOUSE", quote(name)),
                of.get("COMMENT", ""),
                "false",
                8,
                of.get("RESOURCE_MONITOR", "null").replace("NULL", "null"),
                "STANDARD",
                "ROLE",
            ]
        )
    return Table(columns, rows)


def _roles(account: Account, session: Session, words: Tokens) -> Table:
    pattern = _pattern(words)
    end(words)
    columns = (
        "created_on@ name is_default is_current is_inherited assigned_to_users# granted_to_roles# granted_roles# "
        "owner comment"
    )
    of_roles = [g for g in account.state.grants if (g.privilege, g.on) == ("USAGE", "ROLE")]
    rows = []
    for name, of in sorted(account.state.roles.items()):
        if like(pattern, name):
            granted = [g for g in of_roles if g.name == quote(name)]
            counts = [sum(g.to == to for g in granted) for to in ("USER", "ROLE")]
            has = sum((g.to, g.grantee) == ("ROLE", quote(name)) for g in of_roles)
            owner = account.state.owner("ROLE", quote(name))
            current = "Y" if session.role == name else "N"
            rows.append([of["created"], name, "N", current, "N", *counts, has, owner, of.get("COMMENT", "")])
    return Table(columns, rows)


def _users(account: Account, _session: Session, words: Tokens) -> Table:
    pattern = _pattern(words)
    end(words)
    keys = ["COMMENT", "DISABLED", "DEFAULT_WAREHOUSE", "DEFAULT_NAMESPACE", "DEFAULT_ROLE", "TYPE"]
    columns = f"name created_on@ login_name display_name {' '.join(keys).lower()} owner has_password has_rsa_public_key"
    rows = []
    for name, of in sorted(account.state.users.items()):
        if like(pattern, name):
            values = [of.get(key, "false" if key == "DISABLED" else "") for key in keys]
            has = ["true" if key in of else "false" for key in ("PASSWORD", "RSA_PUBLIC_KEY")]
            rows.append([name, of["created"], name, name, *values, account.state.owner("USER", quote(name)), *has])
    return Table(columns, rows)


def _monitors(account: Account, _session: Session, words: Tokens) -> Table:
    pattern = _pattern(words)
    end(words)
    columns = (
        "name credit_quota used_credits remaining_credits level frequency start_time@ end_time@ notify_at "
        "suspend_at suspend_immediately_at created_on@ owner comment notify_users"
    )
    rows = []
    for name, of in sorted(account.state.monitors.items()):
        if not like(pattern, name):
            continue
        quota = f"{float(of['CREDIT_QUOTA']):.2f}" if "CREDIT_QUOTA" in of else None
        used_by = any(w.get("RESOURCE_MONITOR") == name for w in account.state.warehouses.values())
        rows.append(
            [
                name,
                quota,
                "0.00",
                quota,
                "WAREHOUSE" if used_by else None,
                of.get("FREQUENCY", "MONTHLY"),
                of["created"],
                None,
                *(_percents(of, action) for action in ("NOTIFY", "SUSPEND", "SUSPEND_IMMEDIATE")),
                of["created"],
                account.state.owner("RESOURCE MONITOR", quote(name)),
                of.get("COMMENT", ""),
                of.get("NOTIFY_USERS", ""),
            ]
        )
    return Table(columns, rows)


def _percents(monitor: dict[str, Any], action: str) -> str | None:
    percents = sorted(monitor.get("triggers", {}).get(action, []), key=float)
    return ",".join(f"{percent}%" for percent in percents) or None


def _databases(account: Account, session: Session, words: Tokens) -> Table:
    pattern = _pattern(words)
    end(words)
    columns = "created_on@ name is_default is_current origin owner comment options retention_time kind owner_role_type"
    rows = []
    for name, made, owner in _owned(account, "DATABASE"):
        if like(pattern, name):
            current = "Y" if session.connection.database == name else "N"
            rows.append([made, name, "N", current, "", owner, "", "", "1", "STANDARD", "ROLE"])
    return Table(columns, rows)


def _schemas(account: Account, session: Session, words: Tokens) -> Table:
    pattern = _pattern(words)
    database = None
    if words.accept("IN"):
        words.accept("DATABASE")
        database = None if words.accept("ACCOUNT") else words.identifier()
        if database is not None and ("DATABASE", quote(database)) not in account.catalog.objects():
            raise errors.cannot_be_seen()
    else:
        database = session.connection.database
    end(words)
    columns = (
        "created_on@ name is_default is_current database_name owner comment options retention_time owner_role_type"
    )
    rows = []
    for full, made, owner in _owned(account, "SCHEMA"):
        parts = Tokens(full).name()
        if like(pattern, parts[1]) and database in (None, parts[0]):
            current = "Y" if session.connection.schema == parts[1] else "N"
            rows.append([made, parts[1], "N", current, parts[0], owner, "", "", "1", "ROLE"])
    return Table(columns, rows)


def _owned(account: Account, kind: str) -> list[tuple[str, float, str]]:
    """Objects in databases by name, with the time when they were first seen and their owner."""
    owners = {g.name: g for g in account.state.grants if (g.privilege, g.on) == ("OWNERSHIP", kind)}
    there = [name for on, name in account.catalog.objects() if on == kind and name in owners]
    return [(name, owners[name].created, owners[name].grantee) for name in there]


def _tables(account: Account, session: Session, words: Tokens) -> Table:
    pattern = _pattern(words)
    within = place(account, session, words)
    end(words)
    columns = (
        "created_on@ name database_name schema_name kind comment cluster_by rows# bytes# owner retention_time "
        "owner_role_type"
    )
    rows = []
    for full, made, owner in _owned(account, "TABLE"):
        database, schema, name = Tokens(full).name()
        if like(pattern, name) and full.startswith(within):
            count = account.catalog.row_count(full)
            # Only zero or not zero has a meaning: DuckDB's size says nothing about Snowflake's.
            rows.append([made, name, database, schema, "TABLE", "", "", count, count * 1024, owner, "1", "ROLE"])
    return Table(columns, rows)


_PARAMETERS = {
    "WAREHOUSE": {
        "MAX_CONCURRENCY_LEVEL": "8",
        "STATEMENT_QUEUED_TIMEOUT_IN_SECONDS": "0",
        "STATEMENT_TIMEOUT_IN_SECONDS": "172800",
    },
    "USER": {"ABORT_DETACHED_QUERY": "false"},
    "SESSION": {
        "LOCK_TIMEOUT": "43200",
        "QUERY_TAG": "",
        "STATEMENT_TIMEOUT_IN_SECONDS": "172800",
        "TIMEZONE": "Etc/UTC",
    },
}


def _parameters(account: Account, session: Session, words: Tokens) -> Table:
    pattern, known, kind = _pattern(words), {}, "SESSION"
    if words.accept("IN") or words.accept("FOR"):
        kind = words.word()
    if kind in ("WAREHOUSE", "USER"):
        name, there = words.identifier(), account.state.of(kind)
        if name not in there:
            raise errors.cannot_be_seen()
        known = there[name]
    else:
        known = session.parameters if kind == "SESSION" else account.state.parameters
    end(words)
    defaults = _PARAMETERS.get(kind, _PARAMETERS["SESSION"])
    rows = []
    for key, default in sorted(defaults.items()):
        if like(pattern, key):
            value = str(known.get(key, default))
            level, of_type = kind if value != default else "", "NUMBER" if default.isdigit() else "STRING"
            rows.append([key, value, default, level, "", of_type])
    return Table("key value default level description type", rows)


_SHOWS: dict[tuple[str, ...], Callable[[Any, Session, Tokens], Table]] = {
    ("WAREHOUSES",): _warehouses,
    ("ROLES",): _roles,
    ("USERS",): _users,
    ("RESOURCE", "MONITORS"): _monitors,
    ("DATABASES",): _databases,
    ("SCHEMAS",): _schemas,
    ("TABLES",): _tables,
    ("PARAMETERS",): _parameters,
}
