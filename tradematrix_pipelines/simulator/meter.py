"""The simulator's count of credits: a rolling minute and a UTC day, by its own clock."""

from collections import deque
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta

from tradematrix_pipelines.simulator.refusals import out_of_day, out_of_minute
from tradematrix_pipelines.vendors.credits import Plan

_WINDOW = timedelta(seconds=60)


@dataclass(kw_only=True, slots=True)
class Counts:
    """Counts since the simulator started: calls answered or not, credits charged, calls refused with 429."""

    calls: int = 0
    credits: int = 0
    limited: int = 0

    def as_json(self) -> dict[str, int]:
        return asdict(self)


class Meter:
    """Charges calls against a plan. Used by one thread, the server's."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.counts = Counts()
        self._recent: deque[tuple[datetime, int]] = deque()
        self._day: date | None = None
        self._today = 0

    def charge(self, credits: int, now: datetime) -> None:  # noqa: A002 - the domain's word
        """Charge a call; a refused one counts too, as the vendor's own texts show ("10 were used, of 8").

        Raises:
            Refusal: the minute's or the day's credits are spent.
        """
        self._turn_day(now)
        self._recent.append((now, credits))
        self._today += credits
        per_minute, per_day = self.plan.per_minute, self.plan.per_day
        if per_day is not None and self._today > per_day:
            self.counts.limited += 1
            raise out_of_day(self._today, per_day)
        if per_minute is not None and self.used_this_minute(now) > per_minute:
            self.counts.limited += 1
            raise out_of_minute(self.used_this_minute(now), per_minute)
        self.counts.credits += credits

    def used_this_minute(self, now: datetime) -> int:
        """Return the credits charged in the last 60 seconds."""
        while self._recent and self._recent[0][0] <= now - _WINDOW:
            self._recent.popleft()
        return sum(charged for _, charged in self._recent)

    def headers(self, now: datetime) -> dict[str, str]:
        """Return the headers with the minute's credits; without a limit there is no count of those left."""
        used = self.used_this_minute(now)
        limit = self.plan.per_minute
        left = {} if limit is None else {"api-credits-left": str(max(0, limit - used))}
        return {"api-credits-used": str(used), **left}

    def usage(self, now: datetime) -> dict[str, object]:
        """Return the body of ``/api_usage``; the day's counts are included on plans with a day's limit only."""
        self._turn_day(now)
        limit = self.plan.per_minute
        day = {"daily_usage": self._today, "plan_daily_limit": self.plan.per_day} if self.plan.per_day else {}
        return {
            "timestamp": now.strftime("%Y-%m-%d %H:%M:%S"),
            "current_usage": self.used_this_minute(now),
            "plan_limit": _ENDLESS if limit is None else limit,
            **day,
        }

    def _turn_day(self, now: datetime) -> None:
        if self._day != now.date():
            self._day, self._today = now.date(), 0


_ENDLESS = 1_000_000
"""The limit that a plan without one reports, since the protocol requires a number."""
