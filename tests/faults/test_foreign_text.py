"""Text from outside acts on nobody: names, messages, comments, servers and children x every stream and file."""

from __future__ import annotations

import json
import re
import unicodedata
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest

from aegisdb.errors import Problem
from aegisdb.output.blocks import Block, Cell, Fields, Styled, Text, table
from aegisdb.output.layout import layout
from aegisdb.pictures.canvas import Canvas
from aegisdb.plain_text import clean, escaped_json, guarded, one_line
from aegisdb.postgres.address import Address
from aegisdb.reporting import Case, Mark, Stage, github_annotations, junit, markdown, sarif
from tests.monorepo import Rev, Svc, write, write_revision, write_service
from tests.seeds.shop import http_server, reply
from tests.workflows.project import Project, project

PIECES = (
    "\x1b[31mred",
    "\x1b]0;title\x07",
    "\u009b2Jclear",
    "\x00null\x08\x7f",
    "\ndone in 1 s",
    "\n::error::injected",
    "\n \u00a0\t::add-mask::injected",
    "\r\n::stop-commands::injected",
    "\r::group::injected",
    "\n##[error]injected",
    "\n##vso[task.complete]injected",
    "\nsection_start:1:injected\r\x1b[0K",
    "\u2028::error::injected\u2029\x85::error::injected\x0b\x0c\x1c\x1d\x1e",
    "\u202eright to left\u202d\u202a\u202b\u202c",
    "\u2066isolated\u2067\u2068\u2069\u200e\u200f\u061c",
    "\U000e0041\ufff9\ufffe\uffff\udc80",
)
HOSTILE = "".join(PIECES)
_DIRECTIONS = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


def faults(text: str) -> list[str]:
    """What in an output acts on who reads it, told by Unicode's own tables and the rules of the CI systems."""
    found = {f"U+{ord(char):04X}" for char in text if _acts(char)}
    for line in text.split("\n"):
        start = line.strip()
        if start.startswith(("::", "section_start:", "section_end:")) or re.search(r"##(vso|teamcity)?\[", line):
            found.add(line)
    return sorted(found)


def _acts(char: str) -> bool:
    if char in "\n\t":
        return False
    acts = unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"} or unicodedata.bidirectional(char) in _DIRECTIONS
    return acts or char in "\u200e\u200f\u061c"


def test_the_search_can_fail() -> None:
    assert len(faults(HOSTILE)) > 30


@pytest.mark.parametrize("piece", [*PIECES, HOSTILE])
def test_a_cleaned_text_keeps_the_rest(piece: str) -> None:
    assert faults(guarded(clean(piece))) == faults(guarded(one_line(piece))) == []
    assert "\n" not in one_line(piece)
    assert "injected" not in piece or "injected" in guarded(clean(piece))
    if piece != PIECES[-1]:  # a lone surrogate is no character of JSON either
        assert json.loads(escaped_json(json.dumps(piece, ensure_ascii=False))) == piece
    assert faults(escaped_json(json.dumps(piece, ensure_ascii=False))) == []


@pytest.mark.parametrize("text", ["Ölfeld 東京 👩‍🚀 a\tb", "## a heading [x]", "x::text", "a section_start:", "## [x]"])
def test_harmless_text_stays_as_it_is(text: str) -> None:
    assert guarded(clean(text)) == text


@pytest.mark.parametrize("width", [None, 20, 80])
def test_every_kind_of_block(width: int | None) -> None:
    rows: list[list[Cell]] = [[Styled(HOSTILE, "bad"), HOSTILE], ["::error::injected", "x"]]
    blocks: list[Block] = [
        Text(HOSTILE, "warn"),
        Text(HOSTILE, verbatim=True),
        Text("::error::injected", "bad"),
        Fields(((HOSTILE, HOSTILE), ("b", Styled(HOSTILE, "ok")))),
        table([HOSTILE, "b"], rows, HOSTILE),
    ]
    assert faults("\n".join(layout(blocks, width=width, colour=False))) == []
    coloured = "\n".join(layout(blocks, width=width, colour=True))
    assert faults(re.sub(r"\x1b\[[0-9]*m", "", coloured)) == []


def stages() -> tuple[Stage, ...]:
    """A run that found something of that name."""
    problem = Problem(code="x", message=HOSTILE, hint=HOSTILE, where=HOSTILE)
    case = Case(name=HOSTILE, problems=(HOSTILE, HOSTILE))
    failed = Stage(name="lint", state="failed", summary=HOSTILE, cases=(case,), problems=(problem,), seconds=1)
    return failed, Stage(name="x", state="skipped", summary=HOSTILE, cases=(case,), problems=(problem,), seconds=1)


def test_every_report() -> None:
    mark = Mark(rule="x", message=HOSTILE, path=HOSTILE, fix=HOSTILE)
    for text in (junit(stages()), markdown(stages(), "local"), sarif([mark])):
        assert faults(text) == []
    ET.fromstring(junit(stages()))  # noqa: S314  it is ours
    assert json.loads(sarif([mark]))["runs"][0]["results"][0]["message"]["text"] == f"{HOSTILE}. {HOSTILE}"
    (annotation,) = github_annotations([mark])
    assert annotation.startswith("::error file=")
    assert faults(annotation.removeprefix("::")) == []


def test_every_shape_of_a_picture_is_xml() -> None:
    canvas = Canvas()
    canvas.text(0, 0, HOSTILE)
    canvas.path("M0 0", "edge", HOSTILE)
    picture = canvas.document(10, 10, title=HOSTILE, hues=1)
    assert faults(picture) == []
    ET.fromstring(picture)  # noqa: S314  it is ours


NAME = "shop_\x1b[31m\u202e\n::error::inj\x07"
"""As a table's name; PostgreSQL takes everything but a NUL."""
MESSAGE = r"add\x1b[31m a\x1b]0;t\x07 thing \u202e\n::error::injected\n##[error]injected\u2066"
RAISES = f"op.execute(sa.text({'DO $$ BEGIN RAISE NOTICE %r; RAISE EXCEPTION E%r; END $$'!r} % ('x', {MESSAGE!r})))"
CRIES = f'import sys\nprint("{MESSAGE}")\nsys.exit("{MESSAGE}")\n'


@pytest.fixture
def hostile(tmp_path: Path, database: Address) -> Iterator[Project]:
    """A project with a revision, a table, a column's comment and a seed that somebody made up for us."""
    with project(tmp_path / "repo", database) as made:
        path = made.root / "services.yaml"
        document = json.loads(path.read_text())
        document["services"]["wild"] = {**document["services"]["shop"], "path": "services/wild", "after": ["shop"]}
        document["services"]["wild"]["alembic"] = {**document["services"]["shop"]["alembic"], "version_table": "wild_v"}
        document["services"]["wild"] |= {"owns": ["wild_*"], "seeds": [{"module": "cries"}]}
        path.write_text(json.dumps(document))
        home = made.root / "services" / "wild"
        env = (made.root / "services" / "shop" / "alembic" / "env.py").read_text()
        write_service(home, "wild", Svc(env=env.replace("alembic_version_shop", "wild_v")))
        write(home / "cries.py", CRIES)
        make = f"op.execute({f'CREATE TABLE {quoted(NAME)} (id int NOT NULL, {quoted(NAME)} int)'!r})"
        make += f"\nop.execute({f'COMMENT ON TABLE {quoted(NAME)} IS {chr(39)}{NAME}{chr(39)}'!r})"
        make += f"\nop.execute({f'CREATE INDEX ON {quoted(NAME)} (id)'!r})"
        write_revision(home, Rev(id="w1", message=MESSAGE, up=make), None)
        yield made


def quoted(name: str) -> str:
    """As an identifier."""
    return '"' + name.replace('"', '""') + '"'


FIRST = ("migrate.plan", "migrate.lint --all", "migrate.graph --output g.svg", "migrate.graph --output g.mmd", "doctor")
LIVE = (
    "migrate.apply",
    "migrate.history",
    "migrate.log",
    "migrate.status",
    "migrate.verify",
    "migrate.roundtrip",
    "seed.run --service wild",
    "service.owners",
    "db.diagram --output d.svg",
    "db.diagram --output d.mmd",
    "report --output r.html",
    "ci --output out",
    "migrate.rollback --service wild --yes",
)
BROKEN = ("migrate.apply", "migrate.plan", "doctor")


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_command_and_every_file(hostile: Project) -> None:
    bad: dict[str, list[str]] = {}
    for words in (*FIRST, *LIVE):
        bad |= ran(hostile, words)
        bad |= ran(hostile, f"{words} --format json") if words in LIVE[1:8] else {}
    write_revision(hostile.root / "services" / "wild", Rev(id="w2", message=MESSAGE, up=RAISES, parent="w1"), None)
    for words in BROKEN:
        bad |= ran(hostile, words)
    assert {words: found for words, found in bad.items() if found} == {}
    files = [*hostile.root.glob("?.*"), *(hostile.root / "out").iterdir()]
    assert sorted(path.name for path in files) == sorted(
        ["g.svg", "g.mmd", "d.svg", "d.mmd", "r.html", "junit.xml", "aegisdb.sarif", "summary.md"]
    )
    assert {path.name: found for path in files if (found := faults(path.read_bytes().decode()))} == {}
    for path in files:
        if path.suffix in {".svg", ".xml"}:
            ET.fromstring(path.read_bytes())  # noqa: S314  it is ours


def ran(hostile: Project, words: str) -> dict[str, list[str]]:
    """What is wrong with a command's two streams."""
    done = hostile.invoke(*words.split(), env={"FORCE_COLOR": "", "NO_COLOR": "1"})
    assert done.code not in {2, 70}, (words, done.err)
    if "json" in words:
        assert done.json
    return {f"{words} stdout": faults(done.out), f"{words} stderr": faults(done.err)}


def test_a_strangers_answer(hostile: Project) -> None:
    """Status, head and body of an HTTP seed's server."""
    path = hostile.root / "services.yaml"
    document = json.loads(path.read_text())
    for status, body, location in ((302, "", "http://x/\x1b[31m"), (500, HOSTILE.replace("\udc80", ""), "")):
        with http_server(lambda h, s=status, b=body, at=location: reply(h, s, b, Location=at)) as (port, _):  # type: ignore[misc]
            document["services"]["wild"]["seeds"] = [{"http": f"POST http://localhost:{port}/seed"}]
            path.write_text(json.dumps(document))
            hostile.invoke("migrate.apply")
            assert ran(hostile, "seed.run --service wild") == {
                "seed.run --service wild stdout": [],
                "seed.run --service wild stderr": [],
            }
