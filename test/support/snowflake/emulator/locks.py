"""Table locks: as in Snowflake, one transaction at a time updates, deletes, merges or truncates; others wait."""

from __future__ import annotations

import threading
import time
from typing import Protocol

import errors

# How often a waiting session checks whether the holder is idle, or whether it was canceled itself.
LOOK_SECONDS = 0.02


class Holder(Protocol):
    def abort_if_idle(self, seconds: float) -> None:
        """Rolls back the open transaction if the session was idle for this long."""

    @property
    def is_canceled(self) -> bool: ...


class TableLocks:
    def __init__(self, abort_idle_blocker_seconds: float) -> None:
        self._abort_idle_blocker_seconds = abort_idle_blocker_seconds
        self._holders: dict[str, Holder] = {}
        self._changed = threading.Condition()

    def acquire(self, table: str, holder: Holder, timeout_seconds: float) -> None:
        """Waits for the lock; a holder that already has it keeps it. Raises 000625 after the timeout, 000604 on cancel."""
        deadline = time.monotonic() + timeout_seconds
        while True:
            with self._changed:
                owner = self._holders.setdefault(table, holder)
                if owner is holder:
                    return
                if holder.is_canceled:
                    raise errors.canceled()
                if time.monotonic() >= deadline:
                    raise errors.locked(table)
                self._changed.wait(LOOK_SECONDS)
            owner.abort_if_idle(self._abort_idle_blocker_seconds)

    def release_all(self, holder: Holder) -> None:
        with self._changed:
            self._holders = {table: owner for table, owner in self._holders.items() if owner is not holder}
            self._changed.notify_all()
