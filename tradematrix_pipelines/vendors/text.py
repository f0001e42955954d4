"""Text from outside, made fit for tables, logs and terminals. Pure.

NUL and lone surrogates can't be stored, escape sequences take over a terminal, control and direction characters make a
line read as something else, and whole documents bury a log. What is left is one line of printable text.
"""

import re
import unicodedata

LIMIT = 500
"""Characters that a text from outside may have."""

_SHORTEST_SECRET = 8
_ESCAPE_SEQUENCES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?)")
_MOST_READ = 20_000


def clean(text: str, *, secret: str = "", limit: int = LIMIT) -> str:
    """Return ``text`` as one line of printable characters, ``secret`` blotted out, cut to ``limit`` characters.

    The secret is looked for after cleaning, which may bring its parts together, and before cutting, which may leave a
    part of it. One too short to be a key is left, or it would blot out common words.
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
        unread: fields whose lists stay as they are, because they are long and whoever reads them takes numbers only.

    Raises:
        RecursionError: it is nested too deeply.
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
