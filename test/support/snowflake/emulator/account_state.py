"""The state of an account besides its databases: warehouses, roles, users, monitors, grants. It outlives the process."""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, dataclass, field
from typing import Any

Properties = dict[str, Any]


@dataclass
class Grant:
    privilege: str
    on: str
    # As in SHOW GRANTS; for a future grant, DB.SCHEMA.<TABLE>.
    name: str
    to: str
    grantee: str
    by: str
    option: bool = False
    created: float = field(default_factory=time.time)

    @property
    def key(self) -> tuple[str, str, str, str, str]:
        return (self.privilege, self.on, self.name, self.to, self.grantee)


SYSTEM_ROLES = ["ACCOUNTADMIN", "SECURITYADMIN", "USERADMIN", "SYSADMIN", "PUBLIC"]
_HIERARCHY = [("SECURITYADMIN", "ACCOUNTADMIN"), ("SYSADMIN", "ACCOUNTADMIN"), ("USERADMIN", "SECURITYADMIN")]


@dataclass
class State:
    warehouses: dict[str, Properties] = field(default_factory=dict)
    roles: dict[str, Properties] = field(
        default_factory=lambda: {name: {"created": time.time()} for name in SYSTEM_ROLES}
    )
    users: dict[str, Properties] = field(default_factory=dict)
    monitors: dict[str, Properties] = field(default_factory=dict)
    parameters: Properties = field(default_factory=dict)
    grants: list[Grant] = field(
        default_factory=lambda: [Grant("USAGE", "ROLE", r, "ROLE", to, "") for r, to in _HIERARCHY]
    )
    future: list[Grant] = field(default_factory=list)
    # fakesnow keeps its stages in memory.
    stages: list[list[Any]] = field(default_factory=list)

    def of(self, kind: str) -> dict[str, Properties]:
        return {
            "WAREHOUSE": self.warehouses,
            "ROLE": self.roles,
            "USER": self.users,
            "RESOURCE MONITOR": self.monitors,
        }[kind]

    def owner(self, kind: str, name: str) -> str:
        owners = [g.grantee for g in self.grants if (g.privilege, g.on, g.name) == ("OWNERSHIP", kind, name)]
        return owners[0] if owners else ""

    def add(self, grant: Grant, future: bool = False) -> None:
        """A repeated grant changes nothing."""
        grants = self.future if future else self.grants
        if all(grant.key != known.key for known in grants):
            grants.append(grant)

    def own(self, kind: str, name: str, role: str) -> None:
        self.grants = [g for g in self.grants if (g.privilege, g.on, g.name) != ("OWNERSHIP", kind, name)]
        self.add(Grant("OWNERSHIP", kind, name, "ROLE", role, role, option=True))

    def forget(self, kind: str, name: str) -> None:
        """Removes an object, with all grants on it."""
        self.grants = [g for g in self.grants if (g.on, g.name) != (kind, name)]

    def forget_grantee(self, kind: str, name: str) -> None:
        self.grants = [g for g in self.grants if (g.to, g.grantee) != (kind, name)]
        self.future = [g for g in self.future if (g.to, g.grantee) != (kind, name)]


def load(path: str | None) -> State:
    if path is None or not os.path.exists(path):
        return State()
    with open(path, encoding="utf-8") as file:
        kept = json.load(file)
    for grants in ("grants", "future"):
        kept[grants] = [Grant(**grant) for grant in kept[grants]]
    return State(**kept)


def save(state: State, path: str | None) -> None:
    """Writes the file atomically, because the process may be killed meanwhile."""
    if path is None:
        return
    with open(path + ".new", "w", encoding="utf-8") as file:
        json.dump(asdict(state), file)
    os.replace(path + ".new", path)
