"""What hosts say goes to terminals: no escape of theirs reaches one."""

from hypothesis import given
from hypothesis import strategies as st

from tests.incident_world import a_finding


def test_an_escape_in_any_text_of_a_finding_is_made_visible() -> None:
    hostile = "\x1b]0;root\x07\x9b2Jall is well\r"
    finding = a_finding(subject=hostile, summary=hostile, evidence={"line": hostile, "lines": [hostile], "count": 3})
    seen = [finding.subject, finding.summary, finding.evidence["line"], *finding.evidence["lines"]]  # type: ignore[misc]
    assert {str(text) for text in seen} == {"\ufffd]0;root\ufffd\ufffd2Jall is well\ufffd"}
    assert finding.evidence["count"] == 3


@given(st.text())
def test_tabs_lines_and_all_that_is_printed_stay_as_they_are(text: str) -> None:
    kept = "".join(sign for sign in text if sign in "\t\n" or not (ord(sign) < 32 or 127 <= ord(sign) < 160))
    assert a_finding(summary=kept).summary == kept
    assert type(a_finding()).model_validate_json(a_finding(summary=text).model_dump_json()) == a_finding(summary=text)
