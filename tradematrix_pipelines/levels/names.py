"""How levels are called where there is no room for their meaning: on charts and in the morning report."""

from types import MappingProxyType

_DAILY = MappingProxyType(
    {
        "y_open": "Y open",
        "y_high": "Y high",
        "y_low": "Y low",
        "y_close": "Y close",
        "prev_week_high": "W high",
        "prev_week_low": "W low",
        "atr_14": "ATR-14",
    }
)


def short_name(name: str) -> str:
    """Return the short name of a daily level (``Y high``) or of a pivot point, with or without its method (``R1``)."""
    return _DAILY.get(name) or name.rpartition(" ")[2].upper().replace("_", " ")
