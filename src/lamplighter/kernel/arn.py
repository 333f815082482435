"""Amazon Resource Names: building those of Lambda, taking any apart.

Must not know which resources exist nor whether an ARN is allowed anywhere: patterns are the service model's affair.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Self

_PARTITION_BY_REGION_PREFIX = (
    ("cn-", "aws-cn"),
    ("us-gov-", "aws-us-gov"),
    ("us-isob-", "aws-iso-b"),
    ("us-isof-", "aws-iso-f"),
    ("us-iso-", "aws-iso"),
    ("eu-isoe-", "aws-iso-e"),
    ("eusc-", "aws-eusc"),
)
_FIELDS = 6


@lru_cache(maxsize=256)
def partition_of(region: str) -> str:
    """The partition that AWS keeps `region` in."""
    for prefix, partition in _PARTITION_BY_REGION_PREFIX:
        if region.startswith(prefix):
            return partition
    return "aws"


@lru_cache(maxsize=4096)
def lambda_arn(region: str, account_id: str, *resource: str) -> str:
    """The ARN of a Lambda resource, whose parts are given one by one: "function", its name, a qualifier."""
    return ":".join(("arn", partition_of(region), "lambda", region, account_id, *resource))


@dataclass(frozen=True, slots=True)
class Arn:
    """An ARN taken apart; `resource` is everything behind the account, e.g. function:name:1."""

    partition: str
    service: str
    region: str
    account_id: str
    resource: str

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """`text` taken apart, or None when it is not an ARN."""
        fields = text.split(":", _FIELDS - 1)
        if len(fields) != _FIELDS or fields[0] != "arn":
            return None
        return cls(*fields[1:])

    @property
    def text(self) -> str:
        """The ARN put together again."""
        return f"arn:{self.partition}:{self.service}:{self.region}:{self.account_id}:{self.resource}"
