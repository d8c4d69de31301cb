"""Findings about version tables that name a revision which no file has (alembic: Can't locate revision)."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aegisdb.doctor.finding import Finding
from aegisdb.errors import AegisError, Failed, HistoryError
from aegisdb.files import shown
from aegisdb.plain_text import number_of
from aegisdb.processes import run
from aegisdb.revisions.locate import locate
from aegisdb.revisions.parse import scan_source

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from aegisdb.doctor.patient import Patient
    from aegisdb.revisions.history import History
    from aegisdb.revisions.parse import Revision

_LONGEST = 200  # files that are brought back at once
_GIT_SECONDS = 30.0


@dataclass(frozen=True)
class Found:
    """A place that has the file of a lost revision."""

    revision: Revision
    place: str
    """The place in words, for the evidence."""
    restore: str
    """The command that brings this one file back."""
    branch: str = ""
    """A branch that has it, where the one checked out never had."""


@dataclass(frozen=True)
class Shelf:
    """The folder of a service's revision files, and the revisions that are in it."""

    service: str
    directory: Path
    known: frozenset[str]


def unknown(patient: Patient) -> Iterator[Finding]:
    """Rows of version tables that no file of this checkout explains, with where the file is."""
    others = {r for history in patient.good.values() for r in history.revisions}
    for service, history in patient.good.items():
        for row in history.unknown(patient.standings[service].applied):
            if row not in others:  # that is another finding: two services on one version table
                yield _finding(patient, history, row)


def _finding(patient: Patient, history: History, row: str) -> Finding:
    shelf = Shelf(history.service, history.locations.versions[0], frozenset(history.revisions))
    chain = find_files(patient, shelf, [row])
    evidence = tuple(f"{one.revision.id}: {one.place}" for one in chain)
    what = f"{history.service}: the database is at {row}, which no file has (alembic: Can't locate revision)"
    cause, command = cause_of(chain)
    if not chain:
        evidence = ("in no commit of any branch", "the journal has no source of it")
        cause = "applied from a checkout that was never committed, or the row was written by hand"
        command = _restamp(patient, history)
    return Finding(
        check="unknown_revision", subject=f"{history.service} {row}", what=what, evidence=evidence, cause=cause,
        command=command,
    )  # fmt: skip


def cause_of(chain: Sequence[Found]) -> tuple[str, str]:
    """Why the files are not here, and the command that brings them back."""
    branch = next((one.branch for one in chain if one.branch), "")
    if branch:
        return (
            f"this database was migrated from branch {branch}, and another branch is checked out",
            f"git switch {shlex.quote(branch)}",
        )
    return (
        "the file was deleted, or squashed into another, after it was applied",
        " && ".join(one.restore for one in chain),
    )


def find_files(patient: Patient, shelf: Shelf, wanted: Iterable[str]) -> tuple[Found, ...]:
    """The lost files and those below them that are lost too; empty unless all of them are found."""
    found: dict[str, Found] = {}
    todo = list(wanted)
    while todo and len(found) < _LONGEST:
        identifier = todo.pop()
        if identifier in shelf.known or identifier in found:
            continue
        one = _in_git(patient, shelf, identifier) or _in_journal(patient, shelf, identifier)
        if one is None:
            return ()
        found[identifier] = one
        todo.extend(one.revision.parents)
    return tuple(found.values())


def missing_parents(patient: Patient, service: str) -> tuple[Found, ...]:
    """Files that other files of a service revise and that are gone, where they are found."""
    try:
        directory = locate(patient.ws.registry, service).versions[0]
    except HistoryError:
        return ()  # the finding is that error
    scanned = [_scanned(path.read_bytes(), path) for path in sorted(directory.glob("*.py"))]
    there = [revision for revision in scanned if revision is not None]
    shelf = Shelf(service, directory, frozenset(revision.id for revision in there))
    missing = {parent for revision in there for parent in revision.down} - shelf.known
    return find_files(patient, shelf, sorted(missing))


def _restamp(patient: Patient, history: History) -> str:
    if patient.incomparable:
        return patient.incomparable.hint
    distances = patient.fits(history.service)
    stamp = f"invoke migrate.stamp --service {history.service} --revision"
    if isinstance(distances, AegisError):
        return f"fix the history first: {distances.message.splitlines()[0]}"
    equal = [at for at, changes in distances.items() if not changes]
    if equal:
        return f"{stamp} {' '.join(equal[-1]) or 'base'}"
    nearest = min(distances, key=lambda at: len(distances[at]))
    differences = number_of(len(distances[nearest]), "difference")
    return f"{stamp} {' '.join(nearest) or 'base'} (the nearest; it lists {differences})"


def _in_journal(patient: Patient, shelf: Shelf, identifier: str) -> Found | None:
    conn = patient.database
    if conn is None or conn.value("SELECT to_regclass('aegisdb.journal')") is None:
        return None
    sql = (
        "SELECT source FROM aegisdb.journal WHERE service = %s AND revision = %s AND source IS NOT NULL"
        " ORDER BY id DESC LIMIT 1"
    )
    source = conn.value(sql, (shelf.service, identifier))
    path = shelf.directory / f"{identifier}.py"
    revision = _scanned(source, path) if source else None
    if revision is None:
        return None
    target = _typed(patient, path)
    command = f"invoke migrate.log --service {shelf.service} --show {identifier} --output {target}"
    return Found(revision, "the journal has its source", command)


def _in_git(patient: Patient, shelf: Shelf, identifier: str) -> Found | None:
    """The newest commit of any branch in which a file of the versions directory is this revision."""
    home = patient.ws.registry.root
    log = [
        "log",
        "--all",
        "--diff-filter=AM",
        f"-S{identifier}",
        "--format=",
        "--name-only",
        "--",
        str(shelf.directory),
    ]
    for name in dict.fromkeys(filter(None, _git(home, log).splitlines())):
        path = f":/{name}"
        commit = _git(home, ["log", "--all", "-n1", "--diff-filter=AMR", "--format=%h", "--", path]).strip()
        source = _git(home, ["show", f"{commit}:{name}"])
        revision = _scanned(source, shelf.directory / name.rpartition("/")[2])
        if revision is None or revision.id != identifier:
            continue
        about = _git(home, ["log", "-n1", "--format=%an, %ad", "--date=short", commit]).strip()
        branch = _branch(home, commit)
        place = f"commit {commit} ({about}){f' on branch {branch}' if branch else ''}: {name}"
        return Found(revision, place, f"git checkout {commit} -- {shlex.quote(path)}", branch)
    return None


def _branch(home: Path, commit: str) -> str:
    """A branch that has the commit; empty when the one that is checked out does."""
    if _git(home, ["merge-base", commit, "HEAD"]).strip() == _git(home, ["rev-parse", commit]).strip():
        return ""
    form = ["for-each-ref", "--sort=-committerdate", "--format=%(refname:short)"]
    names = _git(home, [*form, f"--contains={commit}", "refs/heads", "refs/remotes"]).split()
    return names[0].removeprefix("origin/") if names else ""


def _git(home: Path, words: list[str]) -> str:
    """Output of git; empty where there is no git, no repository, or nothing found."""
    try:
        done = run(["git", *words], cwd=home, timeout=_GIT_SECONDS)
    except Failed:
        return ""
    return done.stdout if done.returncode == 0 else ""


def _scanned(source: bytes | str, path: Path) -> Revision | None:
    try:
        return scan_source(source, path)
    except HistoryError:
        return None


def _typed(patient: Patient, path: Path) -> str:
    return shlex.quote(shown(path, patient.ws.registry.root))
