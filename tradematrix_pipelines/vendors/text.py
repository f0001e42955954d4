"""Text from outside, made safe for tables, logs and terminals. Pure.

NUL and lone surrogates can't be stored, escape sequences control a terminal, control and direction characters change
how a line reads, and whole documents flood a log. The result is one line of printable text.
"""

import re
import unicodedata

LIMIT = 500
"""Characters that a text from outside may have."""

_SHORTEST_SECRET = 8
_ESCAPE_SEQUENCES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?)")
_MOST_READ = 20_000


def clean(text: str, *, secret: str = "", limit: int = LIMIT) -> str:
    """Return ``text`` as one line of printable characters, ``secret`` replaced by ``***``, cut to ``limit``.

    The secret is replaced after cleaning, which may bring its parts together, and before cutting, which may leave a
    part of it. A secret too short to be a key is ignored, because it may match common words.
    """
    text = _ESCAPE_SEQUENCES.sub("", text[:_MOST_READ])
    if not text.isprintable():
        text = "".join(_printable(character) for character in text)
    text = " ".join(text.split())
    if len(secret) >= _SHORTEST_SECRET:
        text = text.replace(secret, "***")
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def _printable(character: str) -> str:
    if character.isspace():
        return " "
    return "" if unicodedata.category(character).startswith("C") else character


def clean_tree(value: object, *, secret: str = "", unread: frozenset[str] = frozenset()) -> object:
    """Return decoded JSON with every text in it cleaned, names of fields included.

    Args:
        unread: fields whose lists stay as they are, because they are long and only numbers are read from them.

    Raises:
        RecursionError: the value is nested too deeply.
    """
    if isinstance(value, str):
        return clean(value, secret=secret)
    if isinstance(value, list):
        return [clean_tree(item, secret=secret, unread=unread) for item in value]
    if isinstance(value, dict):
        return {
            clean(str(name), secret=secret): (
                item if name in unread and isinstance(item, list) else clean_tree(item, secret=secret, unread=unread)
            )
            for name, item in value.items()
        }
    return value
