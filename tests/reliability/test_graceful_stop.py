"""SIGTERM while functions run: whoever waits for an answer gets it, nobody new is let in, and nobody stays."""

import json
import signal
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError

from tests.reliability import ledger as ledgers
from tests.reliability import machine_state
from tests.reliability.conftest import StartAgain
from tests.reliability.senders import create

pytestmark = pytest.mark.slow


def test_sigterm_lets_running_invokes_answer_and_lets_nobody_new_in(start_again: StartAgain) -> None:
    with ledgers.open_ledger() as ledger, ThreadPoolExecutor(3) as threads:
        server = start_again("--driver", "process")
        create(server, "ledger", ledgers.FUNCTION, Environment={"Variables": {"LEDGER_PORT": str(ledger.port)}})

        def invoke() -> Any:  # Any: boto3's answers
            answer = server.client().invoke(FunctionName="ledger", Payload=json.dumps({"seconds": 2}))
            return answer["StatusCode"], answer.get("FunctionError"), answer["Payload"].read()

        answers = [threads.submit(invoke) for _ in range(3)]
        machine_state.wait_until(lambda: ledger.running() == 3, "three functions run", 60)
        processes = machine_state.below(server.process.pid)
        server.process.send_signal(signal.SIGTERM)

        assert [answer.result(60) for answer in answers] == [(200, None, b"null")] * 3
        with pytest.raises(BotoCoreError):
            invoke()
        assert server.stop() == 0
        machine_state.wait_until(lambda: not [one for one in processes if one.is_alive()], "no process is left", 60)
        assert (ledger.starts.total(), ledger.ends.total()) == (3, 3)
