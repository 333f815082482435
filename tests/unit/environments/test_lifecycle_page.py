"""The lifecycle's diagrams are drawn from the tables, whole and current."""

from lamplighter.environments.extensions import machine as extensions
from lamplighter.environments.machine import TRANSITIONS, State, Trigger
from scripts import lifecycle_page


def test_the_page_is_current() -> None:
    assert lifecycle_page.PAGE.read_text(encoding="utf-8") == lifecycle_page.page()


def test_every_transition_is_drawn() -> None:
    text = lifecycle_page.page()
    drawn = [*TRANSITIONS.items(), *extensions.TRANSITIONS.items()]
    for (state, trigger), following in drawn:
        if trigger is not Trigger.SHUT_DOWN:
            arrow = next(
                line for line in text.splitlines() if line.startswith(f"    {state.name} --> {following.name}: ")
            )
            assert trigger.name in arrow.partition(": ")[2].split(", ")
    assert f"    {State.DEAD.name} --> [*]" in text
