"""Queues: due entries in turn across groups, leases that end, timers, and bytes that are the accepted ones."""

import itertools
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import LiteralString

import apsw
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from lamplighter.storage.sqlite import SqliteStorage
from lamplighter.storage.sqlite.schema import load_migrations, migrate
from lamplighter.storage.sqlite.transaction import SqliteTransaction
from lamplighter.storage.storage import ENDLESS, Lease, Transaction

QUEUE: LiteralString = "async"


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[SqliteStorage]:
    opened = SqliteStorage.open(tmp_path)
    yield opened
    await opened.close()


def add(body: str, due_at: float, group: str = "", name: str | None = None) -> Callable[[Transaction], None]:
    return lambda tx: tx.enqueue(QUEUE, body.encode(), due_at=due_at, group=group, name=name)


def take(now: float, limit: int = 10, seconds: float = 60) -> Callable[[Transaction], list[Lease]]:
    return lambda tx: tx.lease(QUEUE, now=now, limit=limit, seconds=seconds)


def bodies(leases: list[Lease]) -> list[str]:
    return [lease.body.decode() for lease in leases]


async def test_entries_are_leased_when_due_in_order_of_time(storage: SqliteStorage) -> None:
    for body, due_at in (("c", 30.5), ("a", 10), ("b", 10), ("d", 31)):
        await storage.transact(add(body, due_at))

    assert storage.next_due(QUEUE) == 10
    assert bodies(await storage.transact(take(9.999))) == []
    assert bodies(await storage.transact(take(30.5))) == ["a", "b", "c"]
    assert storage.next_due(QUEUE) == 31
    assert bodies(await storage.transact(lambda tx: tx.lease("other", now=99, limit=9, seconds=1))) == []


async def test_acked_entry_is_gone_and_lost_lease_cannot_ack(storage: SqliteStorage) -> None:
    await storage.transact(add("a", 0))
    (first,) = await storage.transact(take(1, seconds=30))

    assert await storage.transact(take(30.9)) == []
    (second,) = await storage.transact(take(31, seconds=30))
    assert (first.count, second.count) == (1, 2)
    assert not await storage.transact(lambda tx: tx.ack(first))
    assert not await storage.transact(lambda tx: tx.release(first, due_at=0))
    assert await storage.transact(lambda tx: tx.ack(second))
    assert not await storage.transact(lambda tx: tx.ack(second))
    assert await storage.transact(take(1000)) == []
    assert (storage.queue_size(QUEUE), storage.next_due(QUEUE)) == (0, None)


async def test_released_entry_comes_back_when_told_with_its_new_body(storage: SqliteStorage) -> None:
    await storage.transact(add("attempt 1", 0))
    (lease,) = await storage.transact(take(1))

    await storage.transact(lambda tx: tx.release(lease, due_at=61.25, body=b"attempt 2"))

    assert 1 < (storage.next_due(QUEUE) or 0) <= 61.25
    assert await storage.transact(take(61.2)) == []
    assert bodies(await storage.transact(take(61.25))) == ["attempt 2"]


async def test_id_of_an_acked_entry_is_never_given_to_another(storage: SqliteStorage) -> None:
    await storage.transact(add("a", 0))
    (lease,) = await storage.transact(take(1))
    await storage.transact(lambda tx: tx.ack(lease))
    await storage.transact(add("b", 0))
    await storage.transact(take(1))

    assert not await storage.transact(lambda tx: tx.ack(lease))
    assert storage.queue_size(QUEUE) == 1


async def test_groups_take_turns_however_much_one_holds(storage: SqliteStorage) -> None:
    def fill(tx: Transaction) -> None:
        for _ in range(1000):
            tx.enqueue(QUEUE, b"noisy", due_at=0, group="noisy")
        for number in range(5):
            tx.enqueue(QUEUE, b"quiet-%d" % number, due_at=1, group=f"quiet-{number % 2}")

    await storage.transact(fill)

    taken = [bodies(await storage.transact(take(2, limit=1))) for _ in range(8)]

    assert sorted(itertools.chain(*taken[:3])) == ["noisy", "quiet-0", "quiet-1"]
    assert Counter(itertools.chain(*taken)) == Counter({"noisy": 3} | {f"quiet-{number}": 1 for number in range(5)})
    assert len(await storage.transact(take(2, limit=100))) == 100


async def test_late_group_gets_its_turn_while_others_never_run_dry(storage: SqliteStorage) -> None:
    def fill(tx: Transaction) -> None:
        for group, _ in itertools.product("abc", range(200)):
            tx.enqueue(QUEUE, group.encode(), due_at=0, group=group)

    await storage.transact(fill)
    await storage.transact(take(1, limit=10))
    await storage.transact(add("late", 0, group="late"))

    assert "late" in bodies(await storage.transact(take(1, limit=4)))


async def test_timer_is_replaced_and_cancelled_by_its_name(storage: SqliteStorage) -> None:
    await storage.transact(add("first", 10, name="wait-1"))
    await storage.transact(add("second", 20, name="wait-1"))
    await storage.transact(add("other", 15, name="wait-2"))

    assert bodies(await storage.transact(take(15))) == ["other"]
    assert await storage.transact(lambda tx: tx.cancel(QUEUE, "wait-2"))
    assert not await storage.transact(lambda tx: tx.cancel(QUEUE, "wait-2"))
    (lease,) = await storage.transact(take(20))
    await storage.transact(add("third", 30, name="wait-1"))
    assert not await storage.transact(lambda tx: tx.ack(lease))
    assert bodies(await storage.transact(take(30))) == ["third"]


async def test_entries_and_leases_survive_a_restart(tmp_path: Path) -> None:
    storage = SqliteStorage.open(tmp_path)
    await storage.transact(add("a", 0))
    await storage.transact(add("b", 0))
    leases = await storage.transact(take(1, limit=1, seconds=30))
    await storage.close()

    storage = SqliteStorage.open(tmp_path)
    assert bodies(await storage.transact(take(2))) == ["b"]
    assert bodies(await storage.transact(take(31))) == ["a"]
    assert not await storage.transact(lambda tx: tx.ack(leases[0]))
    await storage.close()


async def test_changed_bytes_are_put_aside_and_never_handed_out(tmp_path: Path) -> None:
    storage = SqliteStorage.open(tmp_path)
    for body in ("sound", "a body that will rot", "sound too"):
        await storage.transact(add(body, 0))
    await storage.close()
    file = tmp_path / "lamplighter.db"
    file.write_bytes(file.read_bytes().replace(b"a body that will rot", b"a body that will rut"))

    storage = SqliteStorage.open(tmp_path)
    assert bodies(await storage.transact(take(1))) == ["sound", "sound too"]
    assert (storage.damaged(QUEUE), storage.queue_size(QUEUE)) == (1, 2)
    await storage.close()


@pytest.mark.slow
def test_steps_stay_small_with_a_hundred_thousand_entries() -> None:
    connection = memory_database()
    tx = SqliteTransaction(connection, may_grow=True)
    for number in range(100_000):
        tx.enqueue(QUEUE, b"x", due_at=number % 1000, group=f"g{number % 5000}")
    steps = 0

    def count_step() -> bool:
        nonlocal steps
        steps += 1
        return False

    connection.set_progress_handler(count_step, 100)
    leases = tx.lease(QUEUE, now=2000, limit=100, seconds=60)
    for lease in leases:
        tx.ack(lease)

    assert len({lease.group for lease in leases}) == 100
    assert steps * 100 < 100 * 400  # virtual machine instructions for each entry leased and acked
    connection.close()


def memory_database() -> apsw.Connection:
    connection = apsw.Connection(":memory:")
    migrate(connection, load_migrations())
    connection.execute("BEGIN")
    return connection


class QueueMachine(RuleBasedStateMachine):
    """The queue against a dictionary: whatever is enqueued is leased exactly when due, until it is acked."""

    def __init__(self) -> None:
        super().__init__()
        self.connection = memory_database()
        self.tx = SqliteTransaction(self.connection, may_grow=True)
        self.now = 0
        self.bodies = itertools.count()
        self.due: dict[bytes, int] = {}
        self.leases: dict[bytes, Lease] = {}

    def teardown(self) -> None:
        self.connection.close()

    @rule(delay=st.integers(-5, 20), group=st.sampled_from("abc"))
    def enqueue(self, delay: int, group: str) -> None:
        body = b"%d" % next(self.bodies)
        self.tx.enqueue(QUEUE, body, due_at=self.now + delay, group=group)
        self.due[body] = self.now + delay

    @rule(seconds=st.integers(1, 15))
    def wait(self, seconds: int) -> None:
        self.now += seconds

    @rule(limit=st.integers(1, 5), seconds=st.integers(1, 10))
    def lease(self, limit: int, seconds: int) -> None:
        expected = {body for body, due in self.due.items() if due <= self.now}
        taken = self.tx.lease(QUEUE, now=self.now, limit=limit, seconds=seconds)
        assert len(taken) == min(limit, len(expected))
        for lease in taken:
            assert lease.body in expected
            self.due[lease.body] = self.now + seconds
            self.leases[lease.body] = lease

    @precondition(lambda self: bool(self.leases))
    @rule(data=st.data())
    def ack(self, data: st.DataObject) -> None:
        body = data.draw(st.sampled_from(sorted(self.leases)))
        assert self.tx.ack(self.leases.pop(body))
        del self.due[body]

    @precondition(lambda self: bool(self.leases))
    @rule(data=st.data(), delay=st.integers(-5, 20))
    def release(self, data: st.DataObject, delay: int) -> None:
        body = data.draw(st.sampled_from(sorted(self.leases)))
        assert self.tx.release(self.leases.pop(body), due_at=self.now + delay)
        self.due[body] = self.now + delay

    @invariant()
    def next_look_is_never_too_late(self) -> None:
        rows = self.connection.execute("SELECT min(head_due_at), max(turn) FROM queue_group").fetchall()
        if self.due:
            head, turn = rows[0]
            assert isinstance(head, int)
            assert head <= min(self.due.values()) * 1000 or turn is not None


QueueMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestQueueMachine = QueueMachine.TestCase


async def test_an_endless_lease_ends_with_its_holder_only(storage: SqliteStorage) -> None:
    await storage.transact(add("waits", 10, group="a"))
    (held,) = await storage.transact(lambda tx: tx.enqueue_leased(QUEUE, [("a", b"in hand")]))
    (leased,) = await storage.transact(lambda tx: tx.lease(QUEUE, now=10, limit=5, seconds=ENDLESS))
    assert leased.body == b"waits"
    assert await storage.transact(take(1e12)) == []
    assert await storage.transact(lambda tx: tx.release(held, due_at=99))
    assert storage.group_sizes(QUEUE) == {"a": 2}

    assert await storage.transact(lambda tx: tx.reclaim(QUEUE, now=20)) == 1

    assert not await storage.transact(lambda tx: tx.reclaim(QUEUE, now=20))
    assert bodies(await storage.transact(take(20))) == ["waits"]
    assert bodies(await storage.transact(take(99))) == ["waits", "in hand"]


async def test_a_group_that_is_skipped_keeps_its_turn(storage: SqliteStorage) -> None:
    for number in range(3):
        for group in "abc":
            await storage.transact(add(f"{group}{number}", number, group=group))

    def lease(limit: int, skip: set[str]) -> Callable[[Transaction], list[Lease]]:
        return lambda tx: tx.lease(QUEUE, now=9, limit=limit, seconds=ENDLESS, skip=skip)

    assert bodies(await storage.transact(lease(2, {"a"}))) == ["b0", "c0"]
    assert bodies(await storage.transact(lease(3, set()))) == ["a0", "b1", "c1"]
    assert bodies(await storage.transact(lease(9, {"a", "b", "c"}))) == []
    assert bodies(await storage.transact(lease(9, {"b"}))) == ["a1", "c2", "a2"]


@pytest.mark.parametrize("count", [1, 7, 8, 9, 40, 64, 73, 137])
async def test_entries_added_together_are_entries_like_any_other(storage: SqliteStorage, count: int) -> None:
    entries = [("ab"[number % 2], f"{number}".encode()) for number in range(count)]

    await storage.transact(lambda tx: tx.enqueue_many(QUEUE, entries, due_at=5))

    assert await storage.transact(take(4.9)) == []
    leases = await storage.transact(take(5, limit=200))
    assert Counter(bodies(leases)) == Counter(str(number) for number in range(count))
    assert [lease.group for lease in leases[:2]] == ["a", "b"][:count]
    assert all([await storage.transact(lambda tx, lease=lease: tx.ack(lease)) for lease in leases])  # type: ignore[misc]  # bound now
    assert storage.queue_size(QUEUE) == 0


@pytest.mark.parametrize("count", [1, 9, 137])
async def test_entries_added_in_hand_are_each_their_own(storage: SqliteStorage, count: int) -> None:
    entries = [("ab"[number % 2], f"{number}".encode()) for number in range(count)]
    await storage.transact(add("before", 5))

    leases = await storage.transact(lambda tx: tx.enqueue_leased(QUEUE, entries))

    assert [(lease.group, lease.body) for lease in leases] == entries
    assert bodies(await storage.transact(take(9, limit=200))) == ["before"]
    for lease in leases:
        body = b"again " + lease.body
        assert await storage.transact(lambda tx, lease=lease, body=body: tx.release(lease, due_at=7, body=body))  # type: ignore[misc]  # bound now
    again = await storage.transact(take(9, limit=200))
    assert {(lease.group, lease.body) for lease in again} == {(group, b"again " + body) for group, body in entries}


async def test_the_oldest_due_entry_is_known_while_a_busy_group_goes_round(storage: SqliteStorage) -> None:
    assert storage.oldest_due(QUEUE) is None
    for due_at in (1, 2, 3):
        await storage.transact(add(f"a{due_at}", due_at, group="a"))
        await storage.transact(add(f"b{due_at}", due_at + 10, group="b"))

    for expected in (2, 3):
        assert len(await storage.transact(take(9, limit=1))) == 1
        assert storage.oldest_due(QUEUE) == expected
    await storage.transact(take(9))
    assert storage.oldest_due(QUEUE) == 11
