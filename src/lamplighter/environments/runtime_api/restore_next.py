"""GET /2018-06-01/runtime/restore/next: init is over and the before-snapshot hooks have run.

A process whose image is to be taken waits here; every process made of it asks again and goes on at once.
"""

from lamplighter.environments.machine import Trigger, is_allowed
from lamplighter.environments.runtime_api.answers import JSON_HEADERS, Answering, refuse_state
from lamplighter.environments.runtime_api.peer import Peer


def handle_restore_next(peer: Peer, exchange: Answering) -> None:
    if not is_allowed(peer.state, Trigger.RESTORE):
        refuse_state(exchange, peer.state, "RestoreReady")
    elif peer.runtime_awaits_restore():
        exchange.send(200, JSON_HEADERS, b"{}")
