"""`report`: one page that needs nothing else, says what the commands say, and can be read in a real browser."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from aegisdb.postgres.connection import connect
from tests.browser import measure, needs_chromium, screenshot
from tests.postgres_server import PASSWORD
from tests.workflows.project import Project


@pytest.fixture
def shop(shop: Project) -> Project:
    ran = shop.invoke("migrate.apply")
    assert ran.code == 0, ran.err
    return shop


def test_the_page_says_what_the_commands_say(shop: Project) -> None:
    page = shop.root / "page.html"
    ran = shop.invoke("report", "--output", str(page), "--format", "json")
    assert ran.code == 0, ran.err
    before = page.read_text()
    assert "no result of one is kept in this working copy" in before
    assert not re.search(r"<script|<link|<img|src=|url\(|@import|href=\"[^#]", before)
    assert PASSWORD not in before
    for text in ("shop_items", "a2", "upgrade", "at head", "invoke migrate.verify"):
        assert text in before
    assert before.count("<svg ") == 2

    assert shop.invoke("migrate.roundtrip", "--all").code == 0
    with connect(shop.address) as conn:
        conn.execute("ALTER TABLE shop_items ADD by_hand int")
    ran = shop.invoke("report", "--output", str(page), "--format", "json")
    assert ran.code == 0, ran.err
    assert ran.json["result"]["findings"]["Models and drift"] >= 1
    after = page.read_text()
    assert "by_hand" in after
    assert after.count(">proven</span>") == 2


def test_a_failed_roundtrip_is_kept_with_its_findings(shop: Project) -> None:
    revision = shop.root / "services" / "shop" / "alembic" / "versions" / "a1.py"
    revision.write_text(revision.read_text().replace('op.execute("DROP TABLE shop_items")', "pass"))
    assert shop.invoke("migrate.roundtrip", "--all").code == 6
    shop.invoke("report")
    assert "downgrade leaves behind: " in (shop.root / ".aegisdb" / "report.html").read_text()
    assert PASSWORD not in (shop.root / ".aegisdb" / "last-roundtrip.json").read_text()


def test_what_it_does_not_write(shop: Project) -> None:
    foreign = shop.root / "foreign.html"
    foreign.write_text("<p>mine</p>")
    assert shop.invoke("report", "--output", str(foreign)).code == 3
    assert foreign.read_text() == "<p>mine</p>"
    assert shop.invoke("report", "--output", "page.pdf").code == 2
    nobody = {"THE_URL": "postgresql://nobody@127.0.0.1:1/nowhere"}
    assert shop.invoke("report", "--output", "new.html", env=nobody).code == 7
    assert not (shop.root / "new.html").exists()


@needs_chromium
def test_a_browser_shows_it_wide_and_narrow_light_and_dark(shop: Project, tmp_path: Path) -> None:
    page = shop.root / "page.html"
    shop.invoke("migrate.roundtrip", "--all")
    assert shop.invoke("report", "--output", str(page)).code == 0
    papers = set()
    for width, dark in ((1280, False), (400, True)):
        seen = measure(page, width=width, dark=dark)
        assert seen["width"] == width
        assert seen["scroll"] <= width, seen["outside"]
        assert seen["outside"] == []
        assert len(seen["svgs"]) == 2
        assert min(seen["svgs"]) > 200
        assert seen["text"] > 500
        assert seen["requests"] == 0
        papers.add(seen["paper"])
        assert screenshot(page, tmp_path / f"{width}.png", width=width, dark=dark) > 15_000
    assert papers == {"rgb(255, 255, 255)", "rgb(13, 17, 23)"}
