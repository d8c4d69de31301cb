"""JUnit XML: a suite for each stage, a case for each thing that it looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

from aegisdb.plain_text import clean, guarded, one_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aegisdb.reporting.stages import Case, Stage

HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'


def junit(stages: tuple[Stage, ...], properties: Mapping[str, str] | None = None) -> str:
    """The document; each suite has the properties. A stage that failed as a whole has a case of its own name."""
    suites = [_suite(stage, properties or {}) for stage in stages]
    totals = _attributes(
        tests=sum(len(_cases(stage)) for stage in stages),
        failures=sum(_failures(stage) for stage in stages),
        time=f"{sum(stage.seconds for stage in stages):.3f}",
    )
    return f'{HEAD}<testsuites name="aegisdb"{totals}>\n{"".join(suites)}</testsuites>\n'


def _cases(stage: Stage) -> tuple[Case, ...]:
    from aegisdb.reporting.stages import Case

    if any(case.problems for case in stage.cases) or stage.state == "ok" or (stage.cases and stage.state != "failed"):
        return stage.cases
    found = tuple(problem.message for problem in stage.problems)
    return (*stage.cases, Case(name=stage.name, problems=found, seconds=stage.seconds))


def _failures(stage: Stage) -> int:
    return sum(bool(case.problems) for case in _cases(stage))


def _suite(stage: Stage, properties: Mapping[str, str]) -> str:
    cases = _cases(stage)
    skipped = len(cases) if stage.state == "skipped" else sum(bool(case.skipped) for case in cases)
    attributes = _attributes(
        name=stage.name, tests=len(cases), failures=_failures(stage), skipped=skipped, time=f"{stage.seconds:.3f}"
    )
    said = "".join(f"      <property{_attributes(name=name, value=text)}/>\n" for name, text in properties.items())
    said = f"    <properties>\n{said}    </properties>\n" if said else ""
    return f"  <testsuite{attributes}>\n{said}{''.join(_case(stage, case) for case in cases)}  </testsuite>\n"


def _case(stage: Stage, case: Case) -> str:
    took = {} if case.seconds is None else {"time": f"{case.seconds:.3f}"}
    head = f"    <testcase{_attributes(classname=f'aegisdb.{stage.name}', name=case.name, **took)}"
    if stage.state == "skipped" or case.skipped:
        return f"{head}><skipped{_attributes(message=case.skipped or stage.summary)}/></testcase>\n"
    if not case.problems:
        return f"{head}/>\n"
    text = guarded(clean("\n".join(case.problems)))
    message = text.partition("\n")[0]
    return f"{head}><failure{_attributes(message=message)}>{escape(text)}</failure></testcase>\n"


def _attributes(**values: object) -> str:
    return "".join(f" {name}={quoteattr(guarded(one_line(str(value))))}" for name, value in values.items())
