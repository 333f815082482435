"""The service under test, read once: it is immutable apart from its caches of compiled codecs."""

import pytest

from lamplighter.aws.service import Service, load_service


@pytest.fixture(scope="session")
def service() -> Service:
    return load_service("lambda")
