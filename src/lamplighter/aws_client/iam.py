"""IAM: the trust policy of a role. Query protocol."""

import re
from urllib.parse import quote, unquote, urlencode
from xml.sax.saxutils import unescape

from lamplighter.aws_client.client import AwsClient, CallRefused, Place

_ABSENT = "NoSuchEntity"
_POLICY = re.compile(rb"<AssumeRolePolicyDocument>(.*?)</AssumeRolePolicyDocument>", re.DOTALL)


async def get_trust_policy(client: AwsClient, place: Place, role: str) -> str | None:
    """GetRole: the JSON text of who may assume the role of this name; None when there is no such role.

    Raises what AwsClient.call raises, save for the missing role.
    """
    fields = {"Action": "GetRole", "Version": "2010-05-08", "RoleName": role}
    try:
        answer = await client.call(
            "iam",
            place,
            headers={"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"},
            body=urlencode(fields, quote_via=quote).encode(),
        )
    except CallRefused as refused:
        if refused.code.startswith(_ABSENT):
            return None
        raise
    found = _POLICY.search(answer.body)
    return unquote(unescape(found[1].decode("utf-8", "replace"))) if found else ""
