"""Numbers of days, as people write them."""

import re
from datetime import timedelta

_SPAN = re.compile(r"(?P<count>[1-9]\d{0,4})\s*(?P<unit>[dwmy])")
_DAYS_OF = {"d": 1, "w": 7, "m": 30, "y": 365}


def parse_span(text: str) -> timedelta:
    """Return days, weeks, months of 30 days, or years of 365: 20d, 6w, 3m, 1y.

    Raises:
        ValueError: it is none of these; the message says what is right.
    """
    match = _SPAN.fullmatch(text.strip().lower())
    if match is None:
        raise ValueError("is no span of time: write it as 20d, 6w, 3m or 1y")
    return timedelta(days=int(match["count"]) * _DAYS_OF[match["unit"]])
