"""What is still missing of AWS's operations: the public lists behind docs/reference/coverage.md.

A test asserts that the registered operations are exactly the model's minus NOT_YET. Must not know how what is missing
will be built.
"""

# Answer 501.
NOT_YET: frozenset[str] = frozenset()

_NO_EXECUTIONS = "validates and answers; executions cannot be started yet"
_NO_INSTANCES = "stores and answers; there are no instances to place functions on"

# Answer as AWS does as far as they go.
PARTLY: dict[str, str] = {
    "CheckpointDurableExecution": _NO_EXECUTIONS,
    "DeleteDurableExecution": _NO_EXECUTIONS,
    "GetDurableExecution": _NO_EXECUTIONS,
    "GetDurableExecutionHistory": _NO_EXECUTIONS,
    "GetDurableExecutionState": _NO_EXECUTIONS,
    "ListDurableExecutionsByFunction": _NO_EXECUTIONS,
    "PauseDurableExecution": _NO_EXECUTIONS,
    "ResumeDurableExecution": _NO_EXECUTIONS,
    "SendDurableExecutionCallbackFailure": _NO_EXECUTIONS,
    "SendDurableExecutionCallbackHeartbeat": _NO_EXECUTIONS,
    "SendDurableExecutionCallbackSuccess": _NO_EXECUTIONS,
    "StopDurableExecution": _NO_EXECUTIONS,
    "CreateCapacityProvider": _NO_INSTANCES,
    "PutFunctionScalingConfig": _NO_INSTANCES,
}
