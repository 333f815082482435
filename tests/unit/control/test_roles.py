"""A role's trust policy either lets Lambda assume it or does not."""

import json

import pytest

from lamplighter.control.roles import trusts_lambda


def policy(*statements: dict[str, object]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def statement(principal: object, action: object = "sts:AssumeRole", effect: str = "Allow") -> dict[str, object]:
    return {"Effect": effect, "Principal": principal, "Action": action}


@pytest.mark.parametrize(
    "text",
    [
        policy(statement({"Service": "lambda.amazonaws.com"})),
        policy(statement({"Service": ["ec2.amazonaws.com", "lambda.amazonaws.com"]}, ["sts:AssumeRole"])),
        policy(statement({"Service": "ec2.amazonaws.com"}), statement({"Service": "lambda.amazonaws.com"})),
        policy(statement("*")),
        json.dumps({"Statement": statement({"Service": "lambda.amazonaws.com"})}),
        "some policy",
        "{}",
    ],
)
def test_a_policy_that_names_lambda_trusts_it(text: str) -> None:
    assert trusts_lambda(text)


@pytest.mark.parametrize(
    "text",
    [
        policy(),
        policy(statement({"Service": "ec2.amazonaws.com"})),
        policy(statement({"AWS": "arn:aws:iam::000000000000:root"})),
        policy(statement({"Service": "lambda.amazonaws.com"}, "sts:TagSession")),
        policy(
            statement({"Service": "lambda.amazonaws.com"}),
            statement({"Service": "lambda.amazonaws.com"}, effect="Deny"),
        ),
    ],
)
def test_any_other_policy_does_not(text: str) -> None:
    assert not trusts_lambda(text)
