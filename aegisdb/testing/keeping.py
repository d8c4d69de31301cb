"""`--aegis-keep`: which tests failed, and where their databases are, told at the end of the run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator

    from aegisdb.postgres.address import Address

_FAILED = pytest.StashKey[bool]()
_URL = pytest.StashKey[str]()
_SECTION = "aegisdb: kept database"
"""Section of the report of a test's teardown; pytest-xdist carries it to the process that prints."""


class Keeping:
    """A plugin of pytest that is only there where the option is given."""

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Note a failure, and put the URL into the report that comes after the database was kept."""
        report = yield
        if report.failed:
            item.stash[_FAILED] = True
        if _URL in item.stash and report.when == "teardown":
            report.sections.append((_SECTION, item.stash[_URL]))
        return report

    def has_failed(self, item: pytest.Item) -> bool:
        """Whether a test has failed, in itself or in a fixture."""
        return item.stash.get(_FAILED, False)

    def note(self, item: pytest.Item, kept: Address) -> None:
        """Note where a test's database is now."""
        item.stash[_URL] = kept.url()

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Print the URLs."""
        reports = [report for several in terminalreporter.stats.values() for report in several]
        found = {
            getattr(report, "nodeid", ""): text
            for report in reports
            for name, text in getattr(report, "sections", ())
            if name == _SECTION
        }
        if not found:
            return
        terminalreporter.section("databases kept for failed tests (invoke db.clone --drop URL)")
        for test, url in found.items():
            terminalreporter.write_line(f"{test}  {url}")
