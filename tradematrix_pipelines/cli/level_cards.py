"""Levels on a narrow terminal: one card a symbol, four lines or so.

Here: the layout of a card. Not here: which levels are shown (``levels``), which are nearest to a price
(``tradematrix_pipelines.levels.nearest``), or tables (``output``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from rich.console import Console
from rich.text import Text

from tradematrix_pipelines.cli.output import price
from tradematrix_pipelines.levels.nearest import nearest_levels

_GAP = 3
_INDENT = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class LevelCard:
    """One symbol's levels.

    Attributes:
        heading: what is said beside the symbol's name: trade date, session, method.
        prices: prices by level, in the order in which they are shown.
        last: the last price, with ``last_at``, when its minute closed (aware, UTC); ``None`` where none is stored.
    """

    symbol: str
    heading: str
    prices: Mapping[str, float]
    tick_size: float
    last: float | None
    last_at: datetime | None

    def nearest(self) -> tuple[str | None, str | None]:
        """Return the names of the nearest level above the last price, or at it, and of the nearest below it."""
        if self.last is None:
            return None, None
        return nearest_levels(self.prices, self.last)

    def distance(self, name: str | None) -> str:
        """Return a level's name and its distance from the last price, signed, in price units; ``-`` for none."""
        if name is None or self.last is None:
            return "-"
        away = self.prices[name] - self.last
        return f"{name} {'+' if away >= 0 else ''}{price(away, self.tick_size)}"


def print_cards(cards: Sequence[LevelCard], screen: Console, title: str | None) -> None:
    """Print the cards; no price is cut or wrapped."""
    if title:
        screen.print(title, style="bold")
    for card in cards:
        _heading(card, screen)
        nearest = card.nearest()
        names = max((len(name) for name in card.prices), default=0)
        texts = {name: price(value, card.tick_size) for name, value in card.prices.items()}
        widest = max((len(text) for text in texts.values()), default=0)
        cell = names + 1 + widest
        columns = max(1, (screen.width - _INDENT + _GAP) // (cell + _GAP))
        items = list(texts.items())
        for start in range(0, len(items), columns):
            line = Text(" " * _INDENT, no_wrap=True, overflow="ignore")
            for place, (name, text) in enumerate(items[start : start + columns]):
                style = "bold" if name in nearest else ""
                line.append(" " * (_GAP if place else 0))
                line.append(f"{name:<{names}} {text:>{widest}}", style=style)
            screen.print(line, soft_wrap=True)
        screen.print()


def _heading(card: LevelCard, screen: Console) -> None:
    line = Text(card.symbol, style="bold")
    line.append(f"  {card.heading}", style="not bold")
    screen.print(line, soft_wrap=card.last is None)
    if card.last is None or card.last_at is None:
        return
    near = [f"{arrow} {card.distance(name)}" for arrow, name in zip("▲▼", card.nearest(), strict=True) if name]
    last = f"last {price(card.last, card.tick_size)} at {card.last_at:%a %H:%M} UTC"
    screen.print(Text(" " * _INDENT + "   ".join([last, *near])), soft_wrap=True)
