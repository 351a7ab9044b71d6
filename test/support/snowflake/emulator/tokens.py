"""Statements about an account's objects, word by word: sqlglot does not know most of them."""

from __future__ import annotations

import re

import errors

_TOKEN = re.compile(
    r"""(?P<space>\s+|--[^\n]*|/\*.*?\*/)|(?P<quoted>"(?:[^"]|"")*")|(?P<text>'(?:[^'\\]|''|\\.)*')"""
    r"""|(?P<number>\d+(?:\.\d+)?)|(?P<word>[A-Za-z_][\w$]*)|(?P<mark>.)""",
    re.S,
)
_PLAIN = re.compile(r"[A-Z_][A-Z0-9_$]*\Z")


def quote(name: str) -> str:
    """As Snowflake shows a name: with quotes only where they are needed."""
    return name if _PLAIN.match(name) else f'"{name}"'


class Tokens:
    def __init__(self, sql: str) -> None:
        found = [(str(match.lastgroup), match.group()) for match in _TOKEN.finditer(sql.rstrip().rstrip(";"))]
        self._tokens = [token for token in found if token[0] != "space"]
        self._at = 0

    @property
    def at_end(self) -> bool:
        return self._at >= len(self._tokens)

    def peek(self) -> tuple[str, str]:
        return ("end", "") if self.at_end else self._tokens[self._at]

    def accept(self, *words: str) -> bool:
        """Consumes these words, in any case, if they come next."""
        following = self._tokens[self._at : self._at + len(words)]
        found = [text.upper() for kind, text in following if kind not in ("quoted", "text")]
        if found != list(words):
            return False
        self._at += len(words)
        return True

    def expect(self, *words: str) -> None:
        if not self.accept(*words):
            raise errors.syntax(f"syntax error: unexpected '{self.peek()[1]}', expected {' '.join(words)}")

    def end(self) -> None:
        if not self.at_end:
            raise errors.syntax(f"syntax error: unexpected '{self.peek()[1]}'")

    def word(self) -> str:
        kind, text = self.peek()
        if kind != "word":
            raise errors.syntax(f"syntax error: unexpected '{text}'")
        self._at += 1
        return text.upper()

    def identifier(self) -> str:
        kind, text = self.peek()
        if kind not in ("word", "quoted"):
            raise errors.syntax(f"syntax error: unexpected '{text}', expected a name")
        self._at += 1
        return text.upper() if kind == "word" else text[1:-1].replace('""', '"')

    def name(self) -> list[str]:
        """The parts of a name with dots."""
        parts = [self.identifier()]
        while self.accept("."):
            parts.append(self.identifier())
        return parts

    def value(self) -> str:
        """The value after an equals sign: a text, a number, a word or a name."""
        kind, text = self.peek()
        if kind == "text":
            self._at += 1
            return text[1:-1].replace("''", "'")
        if self.accept("-"):
            return "-" + self.value()
        if self.accept("("):
            return self._list()
        if kind == "number":
            self._at += 1
            return text
        return ".".join(self.name())

    def _list(self) -> str:
        values = []
        while not self.accept(")"):
            values.append(self.value())
            self.accept(",")
        return ",".join(values)

    def rest(self) -> str:
        """The remaining tokens, without spaces."""
        return "".join(text for _, text in self._tokens[self._at :])

    def properties(self) -> dict[str, str]:
        """KEY = value pairs, with or without commas, up to the first other token."""
        found: dict[str, str] = {}
        while self.peek()[0] == "word" and self._tokens[self._at + 1 : self._at + 2] == [("mark", "=")]:
            key = self.word()
            self.expect("=")
            found[key] = self.value()
            self.accept(",")
        return found
