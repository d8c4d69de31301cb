"""A real browser looks at a page: headless Chromium, offline."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html import escape, unescape
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no chromium: apt-get install chromium")

_OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-component-update",
    "--disable-background-networking", "--disable-sync", "--disable-dev-shm-usage", "--hide-scrollbars",
)  # fmt: skip
_FRAME = """<!DOCTYPE html><body style="margin: 0"><iframe style="border: 0; width: {width}px; height: 900px"
srcdoc="{page}"></iframe><script>
onload = () => {{
  const view = frames[0], page = view.document;
  const svgs = [...page.querySelectorAll("svg")].map(s => Math.round(s.getBoundingClientRect().width));
  const outside = [...page.querySelectorAll("body *")].filter(e => !e.closest("svg, .p-scroll, .p-picture, pre"))
    .filter(e => e.getBoundingClientRect().right > view.innerWidth + 1).map(e => e.outerHTML.slice(0, 80));
  document.documentElement.dataset.measured = JSON.stringify({{
    width: view.innerWidth, scroll: page.documentElement.scrollWidth, svgs, outside,
    paper: view.getComputedStyle(page.body).backgroundColor, text: page.body.innerText.length,
    requests: view.performance.getEntriesByType("resource").length}});
}};
</script>"""
"""Chromium has no window of less than 500 pixels; a frame may be as narrow as a telephone."""


def measure(page: Path, *, width: int, dark: bool = False) -> dict[str, Any]:
    """What the browser made of the page: widths in CSS pixels, background, what sticks out, requests that it sent."""
    copy = page.with_name(f"{page.stem}-measured.html")
    copy.write_text(_FRAME.format(width=width, page=escape(page.read_text())))
    dom = _run(copy, 1300, "--dump-dom", dark=dark).decode()
    found = re.search(r'data-measured="([^"]*)"', dom)
    assert found, dom[:500]
    measured: dict[str, Any] = json.loads(unescape(found[1]))
    return measured


def screenshot(page: Path, picture: Path, *, width: int, dark: bool = False) -> int:
    """Take a picture; its size in bytes. A blank page of this size packs into a few kilobytes."""
    _run(page, width, f"--screenshot={picture}", dark=dark)
    return picture.stat().st_size


def _run(page: Path, width: int, *what: str, dark: bool) -> bytes:
    assert CHROMIUM
    theme = ("--blink-settings=preferredColorScheme=0",) if dark else ()
    profile = page.with_name(f"{page.stem}-profile")
    command = [CHROMIUM, *_OPTIONS, *theme, f"--user-data-dir={profile}", f"--window-size={width},900", *what]
    return subprocess.run([*command, page.as_uri()], check=True, capture_output=True, timeout=200).stdout
