"""What is said to do about the findings of a roundtrip."""

from __future__ import annotations

from aegisdb.proofs.revision_proof import Finding, RevisionProof, ServiceProof
from aegisdb.workflows.migrate.roundtrip_problems import problems_of

AGAIN = Finding(code="upgrade_differs", detail='column "note" already exists', hint="something made it before")
LEFT = Finding(code="left_behind", detail="added column public.api_keys.note: text")


def hints(*findings: Finding) -> list[str]:
    proof = RevisionProof(
        service="shop", revision="a1", message="add a note", where="a1.py:12", status="failed", findings=findings
    )
    return [problem.hint for problem in problems_of([ServiceProof(service="shop", revisions=(proof,), seconds=0)])]


def test_a_second_upgrade_that_meets_what_was_left_points_at_downgrade() -> None:
    _, again = hints(LEFT, AGAIN)
    assert "fix downgrade() first" in again
    assert "made it before" not in again
    assert hints(AGAIN) == ["something made it before"]
