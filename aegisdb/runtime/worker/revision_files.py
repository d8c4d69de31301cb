"""Revision files: what autogenerate proposes, said in words, and written with a message that stays text."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import missing_imports, version_locations
from .error_report import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .channel import Message

_NAMES = ("signature", "name", "enum_name", "sequence_name", "type_name")
"""Attributes in which operations of Alembic's extensions keep the name of their object."""


def command_arguments(script: Any, request: Message, *, autogenerate: bool) -> dict[str, Any]:
    """Arguments of `alembic revision`."""
    return {
        "message": inert(request.get("message") or ""),
        "autogenerate": autogenerate,
        "sql": False,
        "head": request.get("head") or "head",
        "splice": False,
        "branch_label": None,
        "version_path": version_locations.place(script, request.get("head")),
        "rev_id": request.get("rev_id"),
        "depends_on": request.get("depends_on"),
    }


def plain(message: str) -> str:
    """The message on one line, without control characters."""
    return " ".join(re.sub(r"[\x00-\x1f\x7f\u2028\u2029\ufeff]", " ", message).split())


def inert(message: str) -> str:
    """The message as the inside of a Python string, whichever quotes the template puts around it."""
    return re.sub(r"([\\\"'])", r"\\\1", plain(message))


def write(context: Any, request: Message) -> str:
    """Write the file and read it back: it must compile and say the message.

    Raises:
        Refusal: the template made something else of it; the file is removed again. Or a file has that name.
    """
    path = _generate(context)
    message = plain(request.get("message") or "")
    try:
        document = ast.get_docstring(ast.parse(path.read_bytes())) or ""
    except SyntaxError as error:
        path.unlink()
        raise Refusal("template", f"script.py.mako makes a file that does not compile: {error.msg}") from None
    if document.strip() and message and message not in " ".join(document.split()):
        path.unlink()
        raise Refusal("template", "script.py.mako does not keep the message as it is")
    missing_imports.add(path)
    return str(path)


def _generate(context: Any) -> Path:
    """Let Alembic write the file, and over none: it would where `file_template` gives two revisions one name.

    See findings/alembic-revision-written-over.sh.
    """
    directory = context.script_directory
    generate = directory._generate_template  # noqa: SLF001  of all Alembic versions

    def over_none(source: Any, target: Any, **given: Any) -> None:
        if Path(target).exists():
            hint = "say another message, or let file_template have %(rev)s, as Alembic's own has"
            raise Refusal("exists", f"the new revision would be written over {target}", hint)
        generate(source, target, **given)

    directory._generate_template = over_none  # noqa: SLF001
    try:
        (script,) = context.generate_scripts()
    finally:
        directory._generate_template = generate  # noqa: SLF001
    return Path(script.path)


def leaves(operation: Any) -> Iterator[Any]:
    """The operations inside of operations."""
    if hasattr(operation, "ops"):
        for inner in operation.ops:
            yield from leaves(inner)
    else:
        yield operation


def subject(operation: Any) -> tuple[str | None, str] | None:
    """Schema and name of what an operation that is about no table touches: its own, or those of an object that it has.

    alembic_utils has it as `target`, sqlalchemy-declarative-extensions as `view`, `function` and so on.
    """
    for one in (getattr(operation, "target", None), operation, *getattr(operation, "__dict__", {}).values()):
        for attribute in _NAMES:
            if isinstance(name := getattr(one, attribute, None), str):
                return getattr(one, "schema", None) or getattr(operation, "schema", None), name
    return None


def words(operation: Any) -> str:
    """Describe an operation on one line."""
    kind = re.sub(r"(?<!^)(?=[A-Z])", " ", type(operation).__name__[: -len("Op")]).lower()
    table = getattr(operation, "table_name", None) or getattr(operation, "source_table", None) or ""
    schema = getattr(operation, "schema", None) or getattr(operation, "source_schema", None)
    column = getattr(operation, "column_name", None) or getattr(getattr(operation, "column", None), "name", None)
    name = column or getattr(operation, "index_name", None) or getattr(operation, "constraint_name", None) or ""
    if not table and not name:
        schema, name = subject(operation) or (schema, str(getattr(operation, "sqltext", "")))
    return f"{kind} {'.'.join(str(part) for part in (schema, table, name) if part)}".strip()
