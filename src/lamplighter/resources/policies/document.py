"""A policy that is put as a whole: whether the text is one, and whether it is about the resource it hangs on. Pure.

The grammar is IAM's: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html. Must not know
who evaluates policies.
"""

import json
from typing import Any

from lamplighter.aws.errors import InvalidParameterValueException
from lamplighter.resources.policies.model import PolicyRecord
from lamplighter.resources.policies.rules import check_length

_VERSIONS = ("2012-10-17", "2008-10-17")
_EFFECTS = ("Allow", "Deny")
_POLICY = frozenset({"Version", "Id", "Statement"})
_STATEMENT = frozenset({"Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "Condition"})
_PRINCIPALS = frozenset({"AWS", "Service", "Federated", "CanonicalUser"})


# Any: a policy is JSON of any shape until it is checked.
def read_document(text: str, resource: str, revision_id: str) -> PolicyRecord:
    """The policy that `text` is, for `resource`."""
    try:
        policy = json.loads(text)
    except ValueError as error:
        raise _malformed("it is not JSON") from error
    if not isinstance(policy, dict) or not policy.keys() <= _POLICY:
        raise _malformed("it must be an object with Version, Id and Statement")
    version, given = policy.get("Version", _VERSIONS[1]), policy.get("Statement")
    statements: list[Any] = given if isinstance(given, list) else [given]
    if version not in _VERSIONS:
        raise _malformed("its Version is unknown")
    if not statements or not isinstance(policy.get("Id", ""), str):
        raise _malformed("it needs statements, and its Id must be text")
    for statement in statements:
        _check_statement(statement, resource)
    names = [statement["Sid"] for statement in statements if "Sid" in statement]
    if len(names) != len(set(names)):
        raise _malformed("statement ids must differ")
    record = PolicyRecord(version=version, id=policy.get("Id"), statements=tuple(statements), revision_id=revision_id)
    check_length(record)
    return record


def _check_statement(statement: Any, resource: str) -> None:
    if not isinstance(statement, dict) or not statement.keys() <= _STATEMENT:
        raise _malformed("a statement must be an object with the members of IAM's grammar")
    if statement.get("Effect") not in _EFFECTS:
        raise _malformed("the Effect of a statement is Allow or Deny")
    if ("Principal" in statement) == ("NotPrincipal" in statement):
        raise _malformed("a statement has either Principal or NotPrincipal")
    if ("Action" in statement) == ("NotAction" in statement):
        raise _malformed("a statement has either Action or NotAction")
    _check_principal(statement.get("Principal", statement.get("NotPrincipal")))
    for action in _texts(statement.get("Action", statement.get("NotAction"))):
        if action != "*" and not action.lower().startswith("lambda:"):
            raise _malformed(f"{action} is no action of Lambda")
    if _texts(statement.get("Resource")) != [resource]:
        raise _malformed(f"the Resource of a statement must be {resource}")
    if not isinstance(statement.get("Sid", ""), str) or not _is_condition(statement.get("Condition", {})):
        raise _malformed("Sid must be text, and Condition hold operators with keys and values")


def _check_principal(principal: Any) -> None:
    if principal == "*":
        return
    if not isinstance(principal, dict) or not principal or not principal.keys() <= _PRINCIPALS:
        raise _malformed("a Principal is * or an object with AWS, Service or Federated")
    for named in principal.values():
        _texts(named)


def _texts(value: Any) -> list[str]:
    """One text or a list of them."""
    texts = value if isinstance(value, list) else [value]
    if not texts or not all(isinstance(text, str) for text in texts):
        raise _malformed("where names are expected there must be text")
    return texts


def _is_condition(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(keys, dict) and keys for keys in value.values())


def _malformed(reason: str) -> InvalidParameterValueException:
    return InvalidParameterValueException(f"The resource policy is not valid: {reason}.")
