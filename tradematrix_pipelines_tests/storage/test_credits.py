"""The credit ledger never allows more calls than the plan, and hardly fewer."""

import logging
import mmap
import socket
import struct
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, create_engine, select, text

from tradematrix_pipelines.clock import Clock, FrozenClock, SystemClock
from tradematrix_pipelines.postgres.embedded import ServerLease
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.storage.credits import CreditLedger, CreditUsage, _warn_once, open_ledger, prune_credits
from tradematrix_pipelines.storage.tables import vendor_credits
from tradematrix_pipelines.vendors.credits import Ledger, Plan
from tradematrix_pipelines.vendors.errors import BadRequest, DayLimit, MinuteLimit

BASIC = Plan(per_minute=8, per_day=800, live_share=0.25)
START = datetime(2026, 11, 20, 12, 0, 30, tzinfo=UTC)


@dataclass
class SteppingClock:
    """A clock that moves only by sleeping on it, and records for how long."""

    instant: datetime = START
    slept: list[float] = field(default_factory=list)

    def now(self) -> datetime:
        return self.instant

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.instant += timedelta(seconds=seconds)


@pytest.fixture(scope="module")
def database(postgres: ServerLease) -> Iterator[Engine]:
    """A database of this module's own with the one table."""
    name = f"credits_{uuid4().hex[:12]}"
    admin = create_engine(postgres.url("postgres").set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"create database {name}"))
    admin.dispose()
    engine = create_engine(postgres.url(name).set(drivername="postgresql+psycopg"))
    vendor_credits.create(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def engine(database: Engine) -> Engine:
    """That database, empty."""
    with database.begin() as connection:
        connection.execute(vendor_credits.delete())
    return database


@pytest.fixture
def clock() -> SteppingClock:
    return SteppingClock()


def ledger(engine: Engine, clock: Clock, plan: Plan = BASIC, **options: timedelta) -> CreditLedger:
    return CreditLedger(engine=engine, plans={"twelve_data": plan, "massive": plan}, clock=clock, **options)


def spend(book: Ledger, *purposes: str, amount: int = 1) -> None:
    """Make calls that are answered at once."""
    for purpose in purposes:
        book.settle(book.reserve(vendor="twelve_data", credits=amount, purpose=purpose), charged=None)


def booked(engine: Engine) -> list[tuple[int, str, bool]]:
    column = vendor_credits.c
    with engine.connect() as connection:
        rows = connection.execute(select(column.credits, column.purpose, column.settled).order_by(column.id))
        return [tuple(row) for row in rows]


def test_the_minute_is_a_rolling_one(engine: Engine, clock: SteppingClock) -> None:
    book = ledger(engine, clock)
    spend(book, *["live"] * 5)
    clock.sleep(20)
    spend(book, *["live"] * 3)
    clock.slept.clear()
    spend(book, *["live"] * 5)
    assert clock.slept == [40]  # for the first five to be a minute old
    spend(book, "live")
    assert clock.slept == [40, 20]


def test_a_backfill_leaves_the_live_share_of_the_minute_alone(engine: Engine, clock: SteppingClock) -> None:
    book = ledger(engine, clock)
    spend(book, *["backfill"] * 6, "live", "live")
    assert clock.slept == []
    spend(book, "backfill")
    assert clock.slept == [60]


def test_as_many_credits_are_booked_as_there_is_room_for(engine: Engine, clock: SteppingClock) -> None:
    book = ledger(engine, clock)
    spend(book, *["live"] * 5)
    some = book.reserve(vendor="twelve_data", credits=5, purpose="live", at_least=1)
    assert (some.credits, clock.slept) == (3, [])
    book.settle(some, charged=None)
    assert book.reserve(vendor="twelve_data", credits=2, purpose="live", at_least=1).credits == 2
    assert clock.slept == [60], "where none is free, it waits for one, and takes what is free by then"
    spend(ledger(engine, SteppingClock(START + timedelta(hours=1))), *["live"] * 2)
    later = ledger(engine, SteppingClock(START + timedelta(hours=1)))
    assert later.reserve(vendor="twelve_data", credits=9, purpose="backfill", at_least=1).credits == 4


def test_a_backfill_takes_no_more_of_the_day_than_it_may(engine: Engine, clock: SteppingClock) -> None:
    book = ledger(engine, clock, Plan(per_minute=None, per_day=8, live_share=0.25))
    some = book.reserve(vendor="twelve_data", credits=8, purpose="backfill", at_least=1)
    assert (some.vendor, some.credits, some.purpose) == ("twelve_data", 6, "backfill")


def test_the_day_bounds_what_is_booked_too(engine: Engine, clock: SteppingClock) -> None:
    book = ledger(engine, clock, Plan(per_minute=None, per_day=4))
    spend(book, "live")
    some = book.reserve(vendor="twelve_data", credits=5, purpose="live", at_least=1)
    assert some.credits == 3
    with pytest.raises(DayLimit):
        book.reserve(vendor="twelve_data", credits=5, purpose="live", at_least=1)


def test_a_busy_backfill_does_not_starve_a_call_for_several_symbols(engine: Engine, clock: SteppingClock) -> None:
    # The backfill fills what it may use of the minute whenever there is room: all five credits are never free at once.
    book = ledger(engine, clock)
    for _ in range(6):
        spend(book, "backfill")
        clock.sleep(10)
    clock.slept.clear()
    some = book.reserve(vendor="twelve_data", credits=5, purpose="live", at_least=1)
    assert (some.credits >= 2, clock.slept) == (True, [])


def test_a_call_under_way_counts_until_a_minute_after_its_answer(engine: Engine, clock: SteppingClock) -> None:
    book = ledger(engine, clock, Plan(per_minute=1, per_day=None))
    slow = book.reserve(vendor="twelve_data", credits=1, purpose="live")
    clock.sleep(45)
    book.settle(slow, charged=None)
    clock.slept.clear()
    spend(book, "live")
    assert clock.slept == [60]  # the vendor may have counted it just before it answered


def test_a_booking_of_a_dead_process_counts_no_longer_than_a_call_can_take(
    engine: Engine, clock: SteppingClock
) -> None:
    book = ledger(engine, clock, Plan(per_minute=1, per_day=None), under_way=timedelta(seconds=90))
    book.reserve(vendor="twelve_data", credits=1, purpose="live")
    began = clock.now()
    book.reserve(vendor="twelve_data", credits=1, purpose="live")
    assert clock.now() - began == timedelta(seconds=150)


def test_waiting_is_bounded_and_logged(engine: Engine, clock: SteppingClock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    book = ledger(engine, clock, max_wait=timedelta(seconds=50))
    spend(book, *["live"] * 8)
    clock.sleep(15)
    spend(book, "live")
    assert (
        "the credits of twelve_data for this minute are spent, as far as live may use them: waiting 45.0 s"
        in caplog.text
    )
    spend(book, *["live"] * 7)
    with pytest.raises(MinuteLimit, match=r"none came free within 0:00:50: try again later"):
        spend(book, "live")


def test_the_longest_wait_is_waited(engine: Engine, clock: SteppingClock) -> None:
    book = ledger(engine, clock, max_wait=timedelta(seconds=60))
    spend(book, *["live"] * 9)
    assert clock.slept == [60]


def test_a_clock_that_stands_still_ends_the_wait(engine: Engine) -> None:
    book = ledger(engine, FrozenClock(START))
    spend(book, *["live"] * 8)
    with pytest.raises(MinuteLimit):
        spend(book, "live")


def test_the_day_ends_at_midnight_utc_and_says_so(engine: Engine, clock: SteppingClock) -> None:
    book = ledger(engine, clock, Plan(per_minute=None, per_day=800))
    spend(book, "live", amount=799)
    spend(book, "live")
    with pytest.raises(DayLimit, match=r"800 of the day's 800 .* reset at 2026-11-21 00:00 UTC") as caught:
        spend(book, "live")
    assert caught.value.resumes_at == datetime(2026, 11, 21, tzinfo=UTC)
    clock.instant = caught.value.resumes_at
    spend(book, "live")
    assert clock.slept == []


def test_the_day_begins_at_midnight_to_the_microsecond(engine: Engine, clock: SteppingClock) -> None:
    book = ledger(engine, clock)
    clock.instant = datetime(2026, 11, 20, tzinfo=UTC) - timedelta(microseconds=1)
    spend(book, "backfill")
    clock.instant += timedelta(microseconds=1)
    spend(book, "live")
    assert book.usage("twelve_data", datetime(2026, 11, 20, 12, 34, 56, 789, tzinfo=UTC)).by_purpose == {"live": 1}


def test_a_backfill_leaves_the_live_share_of_the_day_alone(engine: Engine, clock: SteppingClock) -> None:
    book = ledger(engine, clock, Plan(per_minute=None, per_day=800, live_share=0.25))
    spend(book, "backfill", amount=600)
    with pytest.raises(DayLimit, match="backfill may spend up to 600"):
        spend(book, "backfill")
    spend(book, "live", amount=200)
    with pytest.raises(DayLimit):
        spend(book, "live")


def test_a_call_that_never_fits_is_refused_at_once(engine: Engine, clock: SteppingClock) -> None:
    book = ledger(engine, clock)
    spend(book, "live", amount=8)
    with pytest.raises(BadRequest, match="backfill may spend 6 credits of twelve_data a minute, not 7"):
        spend(book, "backfill", amount=7)


def test_vendors_do_not_share(engine: Engine, clock: SteppingClock) -> None:
    book = ledger(engine, clock)
    spend(book, *["live"] * 8)
    book.reserve(vendor="massive", credits=8, purpose="live")
    assert clock.slept == []


def test_an_answer_corrects_what_a_call_cost(engine: Engine, clock: SteppingClock) -> None:
    book = ledger(engine, clock)
    for charged in (None, 0, 3):
        book.settle(book.reserve(vendor="twelve_data", credits=2, purpose="live"), charged=charged)
    assert booked(engine) == [(2, "live", True), (0, "live", True), (3, "live", True)]


def test_what_the_vendor_counts_beyond_ours_is_booked_as_other(engine: Engine, clock: SteppingClock) -> None:
    book = ledger(engine, clock)
    first, second = (book.reserve(vendor="twelve_data", credits=1, purpose="live") for _ in range(2))
    book.settle(first, charged=None, used=1, left=7)  # fewer than ours: the second hasn't arrived there yet
    assert booked(engine) == [(1, "live", True), (1, "live", False)]
    book.settle(second, charged=None, used=5, left=3)
    assert booked(engine) == [(1, "live", True), (1, "live", True), (3, "other", True)]
    spend(book, *["live"] * 3)
    assert clock.slept == []
    spend(book, "live")
    assert clock.slept == [60]


def test_one_credit_of_others_counts(engine: Engine, clock: SteppingClock) -> None:
    book = ledger(engine, clock)
    book.settle(book.reserve(vendor="twelve_data", credits=1, purpose="live"), charged=None, used=2, left=6)
    assert booked(engine) == [(1, "live", True), (1, "other", True)]


def test_calls_that_left_our_minute_meanwhile_are_not_booked_as_other(engine: Engine, clock: SteppingClock) -> None:
    book = ledger(engine, clock)
    spend(book, "live")
    clock.sleep(59)
    slow = book.reserve(vendor="twelve_data", credits=1, purpose="live")  # arrives at once: the vendor counts two
    clock.sleep(10)
    book.settle(slow, charged=None, used=2, left=6)
    assert booked(engine) == [(1, "live", True), (1, "live", True)]


def test_after_a_refusal_no_call_is_made_before_the_next_clock_minute(engine: Engine, clock: SteppingClock) -> None:
    asking, other = (ledger(engine, clock) for _ in range(2))
    asking.settle(asking.reserve(vendor="twelve_data", credits=1, purpose="live"), charged=None, refused=True)
    spend(other, "live", "live")
    assert clock.slept == [30]  # it was half past


def test_a_refusal_at_the_start_of_a_clock_minute_is_of_that_minute(engine: Engine, clock: SteppingClock) -> None:
    book = ledger(engine, clock)
    clock.instant = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
    book.settle(book.reserve(vendor="twelve_data", credits=1, purpose="live"), charged=None, refused=True)
    clock.instant += timedelta(seconds=20, milliseconds=500)
    spend(book, "live")
    assert clock.slept == [39.5]


def test_a_count_of_twice_the_limit_is_believed(engine: Engine, clock: SteppingClock) -> None:
    book = ledger(engine, clock)
    book.settle(book.reserve(vendor="twelve_data", credits=1, purpose="live"), charged=None, used=16, left=0)
    assert booked(engine) == [(1, "live", True), (15, "other", True), (0, "refused", True)]
    usage = book.usage("twelve_data", START)
    assert (usage.minute_used, usage.minute_left) == (16, 0)


def test_a_count_beyond_the_limit_is_a_refusal(engine: Engine, clock: SteppingClock) -> None:
    asking, other = (ledger(engine, clock) for _ in range(2))
    clock.sleep(-10)
    spend(other, *["live"] * 7)
    clock.sleep(10)
    asking.settle(asking.reserve(vendor="twelve_data", credits=1, purpose="live"), charged=None, used=10, left=0)
    clock.slept.clear()
    spend(other, "live")
    # First the clock's minute ends; then our seven are a minute old, which is when the others' two leave room.
    assert clock.slept == [30, 20]


def test_the_minutes_last_credit_is_no_refusal(engine: Engine, clock: SteppingClock) -> None:
    book = ledger(engine, clock)
    for used in range(1, 9):
        last = book.reserve(vendor="twelve_data", credits=1, purpose="live")
        book.settle(last, charged=None, used=used, left=8 - used)
    assert booked(engine) == [(1, "live", True)] * 8


def test_usage_is_what_is_spent_and_left(engine: Engine, clock: SteppingClock) -> None:
    book = ledger(engine, clock)
    yesterday = START - timedelta(hours=13)
    clock.instant = yesterday
    spend(book, "live")
    clock.instant = START - timedelta(minutes=5)
    spend(book, *["backfill"] * 4)
    clock.instant = START
    spend(book, "live", "live")
    assert book.usage("twelve_data", START) == CreditUsage(
        minute_used=2,
        minute_left=6,
        day_used=6,
        day_left=794,
        by_purpose={"backfill": 4, "live": 2},
        resets_at=datetime(2026, 11, 21, tzinfo=UTC),
    )
    unlimited = ledger(engine, clock, Plan(per_minute=None, per_day=None)).usage("massive", START)
    assert (unlimited.minute_left, unlimited.day_left, unlimited.by_purpose) == (None, None, {})


def test_credits_of_the_day_by_hour_and_purpose(engine: Engine, clock: SteppingClock) -> None:
    book, midnight = ledger(engine, clock), START.replace(hour=0, minute=0, second=0)
    for at, purposes in (
        (midnight - timedelta(seconds=1), ["live"]),
        (midnight, ["live"]),
        (midnight + timedelta(hours=2, minutes=59), ["live", "backfill", "backfill"]),
        (midnight + timedelta(hours=3), ["backfill"]),
    ):
        clock.instant = at
        spend(book, *purposes)
    clock.instant = START
    hours = book.hours("twelve_data", START)
    assert list(hours) == [midnight + n * timedelta(hours=1) for n in range(13)]
    credits_of = {hour.hour: by_purpose for hour, by_purpose in hours.items() if by_purpose}
    assert credits_of == {0: {"live": 1}, 2: {"live": 1, "backfill": 2}, 3: {"backfill": 1}}
    clock.instant = midnight
    assert book.hours("twelve_data", midnight) == {midnight: {"live": 1}}
    assert book.hours("massive", midnight) == {midnight: {}}


class Vendor:
    """A vendor that answers each call with its count of the rolling minute, and the time that its callers live in.

    The time stands still while any of them is at work, and goes on to the next of their awakenings once all sleep, so
    that the load of the machine changes nothing. It listens on a Unix socket: ``call``, ``end``, or the microsecond to
    sleep until. The time is the eight bytes of a file, in microseconds since ``start``.
    """

    def __init__(self, path: str, *, callers: int, start: datetime) -> None:
        self.over_minute = self.over_day = 0
        self.days: dict[date, int] = {}
        self._callers, self._start, self._now = callers, start, 0
        self._recent: deque[int] = deque()
        self._asleep: dict[str, int] = {}
        self.time = Path(f"{path}.time")
        self.time.write_bytes(struct.pack("q", 0))
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(path)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        with self.time.open("r+b") as file, mmap.mmap(file.fileno(), 8) as time:
            while True:
                said, caller = self._socket.recvfrom(32)
                if not caller:  # shut down
                    return
                if said == b"call":
                    self._socket.sendto(str(self._count()).encode(), caller)
                    continue
                if said == b"end":
                    self._callers -= 1
                else:
                    self._asleep[caller] = int(said)
                if self._asleep and len(self._asleep) == self._callers:
                    self._now = max(self._now, min(self._asleep.values()))
                    time[:] = struct.pack("q", self._now)
                    for awake in [one for one, until in self._asleep.items() if until <= self._now]:
                        del self._asleep[awake]
                        self._socket.sendto(b"awake", awake)

    def _count(self) -> int:
        self._recent.append(self._now)
        while self._recent[0] <= self._now - 60_000_000:
            self._recent.popleft()
        day = (self._start + timedelta(microseconds=self._now)).date()
        self.days[day] = self.days.get(day, 0) + 1
        self.over_minute += len(self._recent) > 8
        self.over_day += self.days[day] > 200
        return len(self._recent)


CALLERS = """
import mmap, os, random, socket, struct, sys
from datetime import datetime, timedelta
from sqlalchemy import create_engine
from tradematrix_pipelines.storage.credits import CreditLedger
from tradematrix_pipelines.vendors.credits import Plan
from tradematrix_pipelines.vendors.errors import DayLimit, MinuteLimit

class SharedClock:
    def now(self):
        return start + timedelta(microseconds=struct.unpack("q", time[:])[0])

    def sleep(self, seconds):
        until = self.now() - start + timedelta(seconds=max(0.0, seconds))
        ask(str(until // timedelta(microseconds=1)))

def ask(text):
    here.sendto(text.encode(), vendor)
    return here.recv(32)

def work(rng):
    engine.dispose(close=False)  # the parent's connections are the parent's
    plan, clock = Plan(per_minute=8, per_day=200), SharedClock()
    ledger = CreditLedger(engine=engine, plans={"twelve_data": plan}, clock=clock)
    while clock.now() < until:
        try:
            reservation = ledger.reserve(vendor="twelve_data", credits=1, purpose="live")
        except MinuteLimit:
            continue
        except DayLimit as limit:
            clock.sleep((min(limit.resumes_at, until) - clock.now()).total_seconds())
            continue
        longest = rng.choice([2, 2, 2, 55])  # seconds of the way to the vendor, and of the way back
        clock.sleep(rng.uniform(0, longest))
        used = int(ask("call"))
        clock.sleep(rng.uniform(0, longest))
        ledger.settle(reservation, charged=None, used=used, left=8 - used)
    here.sendto(b"end", vendor)

url, file, vendor, start, until, *names = sys.argv[1:]
start, until = datetime.fromisoformat(start), datetime.fromisoformat(until)
engine = create_engine(url, pool_size=1)
engine.connect().close()
with open(file, "rb") as shared:
    time = mmap.mmap(shared.fileno(), 8, prot=mmap.PROT_READ)
children = []
for name in names:
    child = os.fork()
    if child == 0:
        here = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        here.bind(name)
        work(random.Random(name[-1]))
        os._exit(0)
    children.append(child)
sys.exit(any([os.waitpid(child, 0)[1] for child in children]))
"""


def test_eight_processes_spend_a_days_budget_and_never_more(
    engine: Engine, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("c")  # a short path, for its sockets
    path, *names = (str(folder / name) for name in "v12345678")
    # A whole UTC day, and the two hours before it, so that the reset is in it.
    start, end = datetime(2026, 11, 20, 22, tzinfo=UTC), datetime(2026, 11, 22, tzinfo=UTC)
    vendor = Vendor(path, callers=len(names), start=start)
    url = engine.url.render_as_string(hide_password=False)
    command = [sys.executable, "-c", CALLERS, url, str(vendor.time), path, start.isoformat(), end.isoformat(), *names]
    done = subprocess.run(command, timeout=120, check=False)
    vendor.close()

    assert done.returncode == 0
    assert (vendor.over_minute, vendor.over_day) == (0, 0)
    assert vendor.days == {date(2026, 11, 20): 200, date(2026, 11, 21): 200}
    with engine.connect() as connection:
        assert connection.scalar(text("select count(*) from vendor_credits where purpose <> 'live'")) == 0


def test_the_minute_is_used_to_the_full(engine: Engine, clock: SteppingClock) -> None:
    book, calls = ledger(engine, clock, Plan(per_minute=8, per_day=None)), 0
    while clock.now() < START + timedelta(minutes=20):
        reservation = book.reserve(vendor="twelve_data", credits=1, purpose="live")
        clock.sleep(0.3)  # what a call to the vendor takes
        book.settle(reservation, charged=None)
        calls += 1
    assert 0.98 * 160 <= calls <= 168  # 20 minutes can touch 21 batches


@pytest.mark.parametrize("used", [17, 1_000, 1_000_000, 2**40])
def test_an_impossible_count_is_ignored_and_logged_once(
    engine: Engine, clock: SteppingClock, caplog: pytest.LogCaptureFixture, used: int
) -> None:
    _warn_once.cache_clear()  # another test may have warned of the same count
    book = ledger(engine, clock)
    for _ in range(3):
        book.settle(book.reserve(vendor="twelve_data", credits=1, purpose="live"), charged=None, used=used, left=7)
    assert booked(engine) == [(1, "live", True)] * 3
    assert clock.slept == []
    warning = f"twelve_data reports {used} credits used in a minute, with a plan of 8: ignored as impossible"
    assert [record.getMessage() for record in caplog.records] == [warning]


def test_a_vendor_without_a_plan_is_granted_everything_and_not_booked(engine: Engine, clock: SteppingClock) -> None:
    book = ledger(engine, clock)
    for _ in range(20):
        granted = book.reserve(vendor="yahoo", credits=100, purpose="live")
        assert (granted.vendor, granted.credits, granted.purpose) == ("yahoo", 100, "live")
        book.settle(granted, charged=None, used=7)
    assert booked(engine) == []


def test_bookings_of_the_future_do_not_count(engine: Engine, clock: SteppingClock) -> None:
    clock.instant = START + timedelta(days=1)
    spend(ledger(engine, clock), *["live"] * 8)
    ledger(engine, clock).settle(
        ledger(engine, clock).reserve(vendor="massive", credits=1, purpose="live"), charged=None, refused=True
    )
    clock.instant = START
    clock.slept.clear()
    spend(ledger(engine, clock), *["live"] * 8)
    ledger(engine, clock).reserve(vendor="massive", credits=1, purpose="live")
    assert clock.slept == []
    assert ledger(engine, clock).usage("twelve_data", START).day_used == 8


def test_hosts_that_share_a_ledger_share_the_databases_clock(engine: Engine) -> None:
    book = ledger(engine, SystemClock())
    spend(book, "live")
    with engine.connect() as connection:
        [(age,)] = connection.execute(text("SELECT clock_timestamp() - reserved_at FROM vendor_credits")).all()
    assert timedelta() <= age < timedelta(seconds=30)
    # A host whose clock is an hour behind sees what the others have spent.
    assert book.usage("twelve_data", SystemClock().now() - timedelta(hours=1)).minute_used == 1


def test_bookings_before_an_instant_are_deleted(engine: Engine, clock: SteppingClock) -> None:
    spend(ledger(engine, clock), "live", "heal")
    clock.sleep(1)
    spend(ledger(engine, clock), "backfill")
    assert prune_credits(engine, before=clock.now()) == 2
    assert booked(engine) == [(1, "backfill", True)]


def test_the_ledger_of_an_installation_has_its_limits_and_its_clock(engine: Engine, settings: Settings) -> None:
    opened = open_ledger(engine, settings.model_copy(update={"twelve_data_key": SecretStr("the key")}))
    assert (opened.plans["twelve_data"].per_minute, opened.plans["twelve_data"].per_day) == (8, 800)
    spend(opened, "live")
    assert opened.usage("twelve_data", START).resets_at == datetime(2026, 11, 21, tzinfo=UTC)
    with engine.connect() as connection:
        assert connection.execute(select(vendor_credits.c.reserved_at)).scalar_one() == settings.clock.now()
