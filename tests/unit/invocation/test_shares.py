"""Nobody takes what the next one needs."""

from hypothesis import given
from hypothesis import strategies as st

from lamplighter.invocation.asynchronous.backlog import Backlog
from lamplighter.invocation.asynchronous.shares import at_share, batch_size, is_at_share


def test_one_alone_gets_half_and_two_get_a_third_each() -> None:
    held = {"a": 0, "b": 0}
    while not is_at_share(held["a"], sum(held.values()), 90):
        held["a"] += 1
    assert held["a"] == 45
    held = {"a": 0, "b": 0}
    while at_share(held, 90) != {"a", "b"}:
        for name in set(held) - at_share(held, 90):
            held[name] += 1
    assert held == {"a": 30, "b": 30}


@given(st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 40)), st.integers(1, 200))
def test_a_batch_never_takes_anybody_far_beyond_their_share(held: dict[str, int], limit: int) -> None:
    waiting = at_share(held, limit)
    most = batch_size(held, waiting, limit)
    free = limit - sum(held.values())
    assert most == 0 if free <= 0 else 1 <= most <= free
    for name in {*held, "newcomer"} - waiting:
        if most:
            assert held.get(name, 0) + most <= free - most + 1 or most == 1


def test_a_backlog_leaves_room_for_others() -> None:
    backlog = Backlog({"old": 1}, 10)
    while not backlog.is_full("flood"):
        backlog.add("flood")
    assert (backlog.of("flood"), backlog.total) == (5, 6)
    assert not backlog.is_full("calm")
    backlog.remove("flood")
    assert not backlog.is_full("flood")
    backlog.remove("old")
    assert backlog.of("old") == 0
