"""How many requests were answered, by operation and status: plain integers, read by the metrics page.

Must not know Prometheus or HTTP.
"""


class ApiCounters:
    """Answers counted by (operation, status). Operation "-" stands for requests that matched none."""

    def __init__(self) -> None:
        self.answers: dict[tuple[str, int], int] = {}

    def count(self, operation_name: str, status: int) -> None:
        key = (operation_name, status)
        self.answers[key] = self.answers.get(key, 0) + 1

    @property
    def total(self) -> int:
        return sum(self.answers.values())

    @property
    def server_errors(self) -> int:
        return sum(count for (_, status), count in self.answers.items() if status >= 500)  # noqa: PLR2004  # HTTP's class
