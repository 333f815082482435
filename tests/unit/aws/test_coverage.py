"""What is carried out, what is not yet and what AWS's model lists are the same set, and the page says so."""

import pytest

from lamplighter.aws.service import Service
from lamplighter.control.not_yet import NOT_YET, PARTLY
from scripts import coverage_page


def test_every_operation_is_carried_out_or_on_the_list_and_never_both(service: Service) -> None:
    written = set(coverage_page.written_operations())
    assert written | NOT_YET == set(service.operations)
    assert written & NOT_YET == set()
    assert set(PARTLY) <= written


def test_every_operation_belongs_to_a_family(service: Service) -> None:
    families = {coverage_page.family_of(name) for name in service.operations}
    assert families == {family for family, _ in coverage_page.FAMILIES}
    with pytest.raises(LookupError):
        coverage_page.family_of("FlyToTheMoon")


def test_the_page_counts_what_is_carried_out() -> None:
    written = {"Invoke": "lamplighter/control/invoke.py", "ListTags": "lamplighter/control/tags.py"}
    text = coverage_page.page({name: {} for name in (*written, "TagResource")}, "1.0", written, {"ListTags": "some"})
    assert "2 of 3 operations" in text
    assert "| ListTags | in part: some | `lamplighter/control/tags.py` |" in text
    assert "| Invoke | carried out | `lamplighter/control/invoke.py` |" in text
    assert "| TagResource | 501, not yet |  |" in text
