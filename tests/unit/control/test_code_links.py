"""Links to code hold for ten minutes, for one blob, under one secret."""

from urllib.parse import parse_qs, urlsplit

import pytest

from lamplighter.control.code_links import PATH, CodeLinks

DIGEST = "ab" * 32
NOW = 1_750_000_000.0


def parts(link: str) -> tuple[str, str, str]:
    url = urlsplit(link)
    query = parse_qs(url.query)
    return url.path.removeprefix(PATH), query["Expires"][0], query["Signature"][0]


def test_a_link_is_valid_until_it_expires() -> None:
    links = CodeLinks(b"secret")
    digest, expires, signature = parts(links.make(DIGEST, NOW))

    assert digest == DIGEST
    assert links.is_valid(digest, expires, signature, NOW + 599)
    assert not links.is_valid(digest, expires, signature, NOW + 601)


@pytest.mark.parametrize("change", ["digest", "expires", "signature", "secret"])
def test_a_changed_link_is_not_valid(change: str) -> None:
    links = CodeLinks(b"secret")
    digest, expires, signature = parts(links.make(DIGEST, NOW))
    changed = {"digest": "cd" * 32, "expires": str(int(expires) + 1), "signature": signature[:-1] + "x"}

    given = {"digest": digest, "expires": expires, "signature": signature, change: changed.get(change, "")}
    checker = CodeLinks(b"other") if change == "secret" else links

    assert not checker.is_valid(given["digest"], given["expires"], given["signature"], NOW)


@pytest.mark.parametrize(("expires", "signature"), [("", ""), ("-1", "x"), ("²", "x"), ("9" * 30, "ü"), ("soon", "x")])
def test_nonsense_is_not_valid(expires: str, signature: str) -> None:
    assert not CodeLinks(b"secret").is_valid(DIGEST, expires, signature, NOW)
