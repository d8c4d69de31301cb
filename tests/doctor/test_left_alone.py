"""What `doctor --fix` leaves alone it says, with the reason."""

from __future__ import annotations

import pytest

from aegisdb.doctor.checks import CHECKS
from aegisdb.doctor.diagnosis import DoctorResult
from aegisdb.doctor.finding import Finding
from aegisdb.doctor.left_alone import left_alone, reason
from aegisdb.output.blocks import Fields
from aegisdb.output.views.doctor import doctor

pytestmark = pytest.mark.quick


def finding(check: str, subject: str = "x") -> Finding:
    return Finding(check=check, subject=subject, what="what", cause="cause", command="command")


def test_what_was_not_tried_has_a_reason() -> None:
    found = (finding("behind"), finding("drift"), finding("missing"), finding("tampered"))
    left = left_alone(found, CHECKS, [("drift", "x")])
    assert [(one.check, one.why) for one in left] == [
        ("behind", "it never migrates"),
        ("missing", "the fix for findings of this kind is not safe here"),
        ("tampered", "it never writes, edits or restores a file"),
    ]


def test_reasons_are_of_checks_that_there_are() -> None:
    from aegisdb.doctor import left_alone as module

    assert set(module.REASONS) <= {check.name for check in CHECKS}
    assert all(reason(check.name, fixable=check.fix is not None) for check in CHECKS)


def test_the_text_says_it_beside_the_finding() -> None:
    one = finding("behind")
    result = DoctorResult(
        disposable="", against=(), checked=1, findings=(one,), left=left_alone((one,), CHECKS, ()), problems=()
    )
    fields = [block for block in doctor(result) if isinstance(block, Fields)]
    assert ("  left alone", "it never migrates") in fields[0].pairs
