"""Function URLs lead where the server is."""

import pytest

from lamplighter.resources.function_urls.addresses import function_url
from lamplighter.resources.function_urls.model import url_id

ARN = "arn:aws:lambda:eu-west-1:111111111111:function:f"


@pytest.mark.parametrize(
    ("endpoint", "domain", "expected"),
    [
        ("http://127.0.0.1:4566", None, "http://i.lambda-url.eu-west-1.localhost:4566/"),
        ("https://[::1]:4566", None, "https://i.lambda-url.eu-west-1.localhost:4566/"),
        ("http://10.0.0.1", None, "http://i.lambda-url.eu-west-1.localhost/"),
        ("https://lambda.example:8443", None, "https://i.lambda-url.eu-west-1.lambda.example:8443/"),
        ("http://localhost:4566", None, "http://i.lambda-url.eu-west-1.localhost:4566/"),
        ("https://127.0.0.1:4566", "functions.example", "https://i.lambda-url.eu-west-1.functions.example/"),
        ("", None, "http://i.lambda-url.eu-west-1.localhost/"),
    ],
)
def test_a_url_ends_with_the_domain_or_the_name_of_the_endpoint(
    endpoint: str, domain: str | None, expected: str
) -> None:
    assert function_url("i", "eu-west-1", endpoint=endpoint, domain=domain) == expected


def test_ids_are_labels_of_a_host_name_and_each_arn_has_its_own() -> None:
    ids = {url_id(arn) for arn in (ARN, f"{ARN}:live", f"{ARN}:beta", f"{ARN}2")}
    assert len(ids) == 4
    assert all(len(text) == 32 and text.isalnum() and text.islower() for text in ids)
    assert url_id(ARN) in ids
