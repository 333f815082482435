"""The operations of AWS's model that answer 501 for now: the public list behind docs/reference/coverage.md.

A test asserts that the registered operations are exactly the model's minus these. Must not know how they will be built.
"""

NOT_YET: frozenset[str] = frozenset()
