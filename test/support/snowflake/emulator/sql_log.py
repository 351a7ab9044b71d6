"""One line of JSON for each statement, for tests that check the product's statements."""

from __future__ import annotations

import json
import threading
from typing import Any, TextIO


class SqlLog:
    def __init__(self, path: str | None) -> None:
        self._file: TextIO | None = open(path, "a", encoding="utf-8") if path else None
        self._lock = threading.Lock()

    def write(self, entry: dict[str, Any]) -> None:
        if self._file is None:
            return
        with self._lock:
            self._file.write(json.dumps(entry) + "\n")
            self._file.flush()
