"""JUnit XML: a suite for each stage, a case for each thing that it looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

from aegisdb.plain_text import clean, guarded, one_line

if TYPE_CHECKING:
    from aegisdb.reporting.stages import Case, Stage


def junit(stages: tuple[Stage, ...]) -> str:
    """The document. A stage that failed as a whole has a case of its own name."""
    suites = [_suite(stage) for stage in stages]
    totals = _attributes(
        tests=sum(len(_cases(stage)) for stage in stages),
        failures=sum(_failures(stage) for stage in stages),
        time=f"{sum(stage.seconds for stage in stages):.3f}",
    )
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="aegisdb"{totals}>\n{"".join(suites)}</testsuites>\n'
    )


def _cases(stage: Stage) -> tuple[Case, ...]:
    from aegisdb.reporting.stages import Case

    if any(case.problems for case in stage.cases) or (stage.cases and stage.state != "failed"):
        return stage.cases
    found = tuple(problem.message for problem in stage.problems)
    return (*stage.cases, Case(name=stage.name, problems=found, seconds=stage.seconds))


def _failures(stage: Stage) -> int:
    return sum(bool(case.problems) for case in _cases(stage))


def _suite(stage: Stage) -> str:
    cases = _cases(stage)
    skipped = len(cases) if stage.state == "skipped" else 0
    attributes = _attributes(
        name=stage.name, tests=len(cases), failures=_failures(stage), skipped=skipped, time=f"{stage.seconds:.3f}"
    )
    return f"  <testsuite{attributes}>\n{''.join(_case(stage, case) for case in cases)}  </testsuite>\n"


def _case(stage: Stage, case: Case) -> str:
    head = f"    <testcase{_attributes(classname=f'aegisdb.{stage.name}', name=case.name, time=f'{case.seconds:.3f}')}"
    if stage.state == "skipped":
        return f"{head}><skipped{_attributes(message=stage.summary)}/></testcase>\n"
    if not case.problems:
        return f"{head}/>\n"
    text = guarded(clean("\n".join(case.problems)))
    message = text.partition("\n")[0]
    return f"{head}><failure{_attributes(message=message)}>{escape(text)}</failure></testcase>\n"


def _attributes(**values: object) -> str:
    return "".join(f" {name}={quoteattr(guarded(one_line(str(value))))}" for name, value in values.items())
