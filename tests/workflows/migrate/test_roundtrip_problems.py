"""What is said to do about the findings of a roundtrip."""

from __future__ import annotations

from aegisdb.proofs.revision_proof import Finding, RevisionProof, ServiceProof
from aegisdb.workflows.migrate.roundtrip_problems import problems_of
from aegisdb.workflows.migrate.roundtrip_with_data import add_data

AGAIN = Finding(code="upgrade_differs", detail='column "note" already exists', hint="something made it before")
LEFT = Finding(code="left_behind", detail="added column public.api_keys.note: text")


def proven(*findings: Finding, revision: str = "a1") -> RevisionProof:
    return RevisionProof(
        service="shop", revision=revision, message="add a note", where="a1.py:12", status="failed", findings=findings
    )


def told(*proofs: RevisionProof) -> list[str]:
    return [problem.hint for problem in problems_of([ServiceProof(service="shop", revisions=proofs, seconds=0)])]


def hints(*findings: Finding) -> list[str]:
    return told(proven(*findings))


def test_a_second_upgrade_that_meets_what_was_left_points_at_downgrade() -> None:
    _, again = hints(LEFT, AGAIN)
    assert "fix downgrade() first" in again
    assert "made it before" not in again
    assert hints(AGAIN) == ["something made it before"]


def test_a_downgrade_on_rows_that_meets_what_another_one_left_points_at_that_one() -> None:
    """The index that it drops was gone with the column that the revision above does not bring back whole."""
    fails = proven(Finding(code="data_downgrade_failed", detail='index "by_note" does not exist'))
    above = proven(Finding(code="not_restored", detail="removed index by_note"), revision="a2")
    for there, words in ((proven(), "fix downgrade() of a2 first"), (proven(Finding(code="downgrade_failed")), "")):
        service = ServiceProof(service="shop", revisions=(there, above), seconds=0)
        proofs = {"shop": service}
        add_data(proofs, [fails])
        assert proofs["shop"].revisions[0].findings[-1].hint.startswith(words)
        assert bool(proofs["shop"].revisions[0].findings[-1].hint) == bool(words)
