"""Findings about autogenerate: why it sees no change (env.py gives it no models, or not all of them)."""

from __future__ import annotations

import ast
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aegisdb import python_source
from aegisdb.doctor.env_description import sources
from aegisdb.doctor.finding import NOTICE, Finding
from aegisdb.errors import AegisError
from aegisdb.files import shown
from aegisdb.ownership import NOBODY, Owners
from aegisdb.package_lookup import how_to_fix

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from aegisdb.doctor.patient import Patient
    from aegisdb.revisions.history import History

_NO_METADATA = "target_metadata = None"


@dataclass(frozen=True)
class Defined:
    """A table that a module of the service defines."""

    table: str
    path: Path
    line: int


def unseen(patient: Patient) -> Iterator[Finding]:
    """Services whose autogenerate cannot see all tables that their code defines."""
    owners = Owners(patient.ws.registry)
    for service, found in patient.described.items():
        if isinstance(found, AegisError):
            continue
        history = patient.good[service]
        if found.get("left_out"):
            yield _no_models(patient, history, found["left_out"])
        tables = defined_tables(history.locations.home, history.locations.script)
        if not found["has_metadata"]:
            yield _no_metadata(patient, history, tables)
            continue
        seen = {name.rpartition(".")[2] for name in found["all_tables"]}
        # a table of another owner may well be known to this service's code and to no autogenerate
        own = {one.table for one in tables if owners.owner_of(f"table public.{one.table}") in {service, NOBODY}}
        missing = [one for one in tables if one.table in own - seen]
        for path in dict.fromkeys(one.path for one in missing):
            yield _module(patient, history, [one for one in missing if one.path == path], set(found["modules"]))


def _no_models(patient: Patient, history: History, names: Sequence[str]) -> Finding:
    env_py = history.locations.env_py
    return Finding(
        check="no_metadata",
        subject=f"{history.service} {' '.join(names)}",
        what=f"{history.service}: target_metadata holds what is not MetaData: {', '.join(names)}",
        evidence=(shown(env_py, patient.ws.registry.root),),
        cause="an upgrade never looks at target_metadata; models are compared without these",
        command=how_to_fix(env_py, f"give their `.metadata` to target_metadata in {_typed(patient, env_py)}"),
        exit_code=NOTICE,
    )


def _no_metadata(patient: Patient, history: History, tables: Sequence[Defined]) -> Finding:
    env_py = history.locations.env_py
    bases = [found for path in _sources(history.locations.home, history.locations.script) if (found := _base(path))]
    typed = _typed(patient, env_py)
    command = f"set target_metadata in {typed} to the metadata of the models"
    if bases and _NO_METADATA in env_py.read_text("utf-8"):
        path, name, expression = bases[0]
        lines = f"from {_dotted(path, history.locations.home)} import {name}\\ntarget_metadata = {expression}"
        command = f"sed -i 's/^{_NO_METADATA}$/{lines}/' {typed}"
    command = how_to_fix(env_py, command)
    return Finding(
        check="no_metadata",
        subject=history.service,
        what=f"{history.service}: autogenerate can never find a change: env.py gives Alembic no target_metadata"
        " (alembic: no changes detected)",
        evidence=tuple(_told(patient, one) for one in tables),
        cause="target_metadata is None, as in the template of alembic init",
        command=command,
    )


def _module(patient: Patient, history: History, tables: Sequence[Defined], loaded: set[str]) -> Finding:
    path, home = tables[0].path, history.locations.home
    dotted = _dotted(path, home)
    env_py = history.locations.env_py
    if str(path.resolve()) in loaded:
        cause = f"env.py imports {dotted}, but its tables are on another MetaData than target_metadata"
        command = f"give the metadata of {dotted} to target_metadata in {_typed(patient, env_py)}; it may be a list"
    else:
        cause = f"env.py imports no module that imports {dotted}, so its tables are unknown when it runs"
        line = _import_line(env_py)
        command = f"sed -i '{line}a import {dotted}  # noqa: F401' {_typed(patient, env_py)}"
    return Finding(
        check="unseen_models",
        subject=f"{history.service} {dotted}",
        what=f"{history.service}: autogenerate does not see {', '.join(one.table for one in tables)}"
        " (alembic: no changes detected)",
        evidence=tuple(_told(patient, one) for one in tables),
        cause=cause,
        command=how_to_fix(env_py, command),
    )


def _told(patient: Patient, one: Defined) -> str:
    return f"{_typed(patient, one.path)}:{one.line} defines {one.table}"


def defined_tables(home: Path, script: Path) -> tuple[Defined, ...]:
    """Tables that the service's code defines with `__tablename__` or `Table(...)`, from its syntax trees."""
    found: list[Defined] = []
    for path in _sources(home, script):
        for node in ast.walk(_parsed(path)):
            name = _table_name(node)
            if name:
                found.append(Defined(name, path, node.lineno))  # type: ignore[attr-defined]
    return tuple(found)


def _table_name(node: ast.AST) -> str:
    """The name that an assignment to `__tablename__` or a call of Table with metadata and columns gives."""
    if isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        named = any(isinstance(target, ast.Name) and target.id == "__tablename__" for target in targets)
        return _text(node.value) if named else ""
    if isinstance(node, ast.Call) and len(node.args) > 1:
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        reflected = any(keyword.arg == "autoload_with" for keyword in node.keywords)
        return _text(node.args[0]) if called == "Table" and not reflected else ""
    return ""


def _text(node: ast.expr | None) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _base(path: Path) -> tuple[Path, str, str] | None:
    """The declarative base that a module makes: its path, the name to import, the expression of its metadata."""
    for node in _parsed(path).body:
        if isinstance(node, ast.ClassDef) and any("DeclarativeBase" in ast.unparse(base) for base in node.bases):
            return path, node.name, f"{node.name}.metadata"
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name, value = node.targets[0].id, ast.unparse(node.value)
            if "declarative_base(" in value:
                return path, name, f"{name}.metadata"
            if value.startswith(("MetaData(", "sa.MetaData(", "sqlalchemy.MetaData(")):
                return path, name, name
    return None


def _sources(home: Path, script: Path) -> list[Path]:
    """Python files of the service's own code, without env.py and revisions."""
    return [path for path in sources(home) if not path.resolve().is_relative_to(script.resolve())]


def _parsed(path: Path) -> ast.Module:
    try:
        return python_source.parse(path.read_bytes(), str(path))
    except (SyntaxError, ValueError):
        return ast.Module(body=[], type_ignores=[])  # what cannot be parsed cannot be imported by env.py either


def _import_line(env_py: Path) -> int:
    """The line of the last import at the top of a file."""
    tree = _parsed(env_py)
    ends = [node.end_lineno or 0 for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    return max(ends, default=0) or 1


def _dotted(path: Path, home: Path) -> str:
    """The name by which a module of the service is imported."""
    parts = list(path.relative_to(home).with_suffix("").parts)
    if parts[0] == "src" and len(parts) > 1:
        parts.pop(0)
    if parts[-1] == "__init__":
        parts.pop()
    return ".".join(parts)


def _typed(patient: Patient, path: Path) -> str:
    return shlex.quote(shown(path, patient.ws.registry.root))
