"""Marker and MaxItems, the same in every List operation: at most 50 items a page, markers that stay true under writes.

A marker says behind which key the next page begins, so what is written meanwhile neither repeats nor hides items.
Must not know what is listed.
"""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from lamplighter.aws.errors import InvalidParameterValueException
from lamplighter.aws.operation import Request, Response

Item = TypeVar("Item")
MOST_ITEMS = 50


def page_size(request: Request, most: int = MOST_ITEMS) -> int:
    return min(request.get("MaxItems") or most, most)


def read_marker(request: Request) -> str | None:
    """The key behind which the page begins; None for the first page."""
    marker = request.get("Marker")
    if not marker:
        return None
    try:
        return base64.urlsafe_b64decode(marker.encode()).decode()
    except (binascii.Error, UnicodeError) as error:
        raise InvalidParameterValueException("Invalid marker.") from error


def answer_page(
    member: str,
    found: Sequence[Item],
    size: int,
    *,
    key: Callable[[Item], str],
    # Any: what an item looks like on the wire is the caller's affair.
    show: Callable[[Item], Any],
) -> Response:
    """One page out of `found`, which holds one item more than the page when there is a next one."""
    answer: Response = {member: [show(item) for item in found[:size]]}
    if len(found) > size:
        answer["NextMarker"] = base64.urlsafe_b64encode(key(found[size - 1]).encode()).decode()
    return answer
