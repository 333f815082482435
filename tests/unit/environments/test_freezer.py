"""Who is idle for a while is frozen; who is not, is not; and being watched may be repeated."""

import asyncio
from dataclasses import dataclass

from lamplighter.environments.freezer import Freezer

AFTER = 0.02


@dataclass(eq=False)
class Idler:
    """An environment that counts how often it was frozen."""

    idle_since: float = 0.0
    is_idle: bool = True
    may_freeze: bool = True
    tries: int = 0
    frozen: int = 0

    def freeze(self) -> bool:
        self.tries += 1
        if self.may_freeze:
            self.frozen += 1
            self.is_idle = False
        return self.may_freeze


def idler(**members: bool) -> Idler:
    return Idler(asyncio.get_running_loop().time(), **members)


async def until_frozen(*idlers: Idler) -> None:
    async with asyncio.timeout(30):
        while not all(one.frozen for one in idlers):  # noqa: ASYNC110  # the freezer tells nobody
            await asyncio.sleep(0.001)


async def test_everybody_who_stays_idle_is_frozen_once() -> None:
    freezer = Freezer(AFTER)
    idlers = [idler() for _ in range(11)]
    for one in (*idlers, *idlers):
        freezer.watch(one)
    await until_frozen(*idlers)
    await asyncio.sleep(3 * AFTER)
    assert [one.frozen for one in idlers] == [1] * len(idlers)


async def test_nobody_is_frozen_before_the_time_or_while_busy() -> None:
    freezer = Freezer(AFTER)
    busy, renewed, judge = idler(is_idle=False), idler(), idler()
    for one in (busy, renewed, judge):
        freezer.watch(one)
    renewed.idle_since += 3600  # invoked meanwhile, and idle again
    await until_frozen(judge)
    await asyncio.sleep(2 * AFTER)
    assert (busy.frozen, renewed.frozen) == (0, 0)
    freezer.close()


async def test_one_that_cannot_be_frozen_just_now_is_tried_again() -> None:
    freezer = Freezer(AFTER)
    one = idler(may_freeze=False)
    freezer.watch(one)
    async with asyncio.timeout(30):
        while one.tries < 2:  # noqa: ASYNC110  # the freezer tells nobody
            await asyncio.sleep(0.001)
    one.may_freeze = True
    await until_frozen(one)


async def test_zero_freezes_nobody() -> None:
    freezer = Freezer(0.0)
    one = idler()
    freezer.watch(one)
    await asyncio.sleep(2 * AFTER)
    assert one.frozen == 0
