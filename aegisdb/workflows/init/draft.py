"""The text of a new services.yaml without services, and what in it was a guess."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from aegisdb.postgres import psql_commands
from aegisdb.registry.dotenv_file import read_dotenv
from aegisdb.workflows.init.compose_database import ComposeDatabase, databases

if TYPE_CHECKING:
    from pathlib import Path

    from aegisdb.workflows.init.tree import Tree

_EXTENSION = re.compile(r"CREATE\s+EXTENSION\s+(?:IF\s+NOT\s+EXISTS\s+)?\"?([\w-]+)\"?", re.IGNORECASE)
_GRAPH = re.compile(r"create_graph\(\s*'([\w-]+)'", re.IGNORECASE)
_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_VARIABLE = "DATABASE_URL"


@dataclass(frozen=True)
class Draft:
    """The text, the names of its targets, and what a person should look at."""

    text: str
    targets: tuple[str, ...]
    unsure: tuple[str, ...]


def draft(tree: Tree, *, embedded: bool) -> Draft:
    """Write down what the tree says about its database; `embedded` tells whether the embedded server is installed."""
    found = [one for path in tree.compose for one in databases(path, tree.root)]
    chosen = found[0] if found else None
    url = _url(tree.env_file)
    targets = {"local": "{server: embedded}"}
    if chosen:
        targets["compose"] = f"{{server: compose, file: {_flow(chosen.file)}, service: {_flow(chosen.service)}}}"
    if url:
        targets["dotenv"] = f'{{url: "${{{_VARIABLE}}}"}}'
    default = "local" if embedded or len(targets) == 1 else list(targets)[1]
    lines = [
        "# Written by `aegisdb init` from what it found in the tree. `aegisdb explain services.yaml` has every key.",
        "version: 1",
        f"project: {_flow(name_of(tree.root))}",
        f"default_target: {default}",
        "targets:",
        *(f"  {name}: {value}" for name, value in targets.items()),
        "database:",
        *_database(tree, chosen, url),
    ]
    return Draft("\n".join(lines) + "\n", tuple(targets), tuple(_unsure(tree, found, url, default)))


def name_of(folder: Path) -> str:
    """The folder's name as a name of the registry."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", folder.name).strip("-.") or "project"


def _database(tree: Tree, chosen: ComposeDatabase | None, url: str) -> list[str]:
    plain = re.sub(r"[^a-z0-9]+", "_", tree.root.name.lower()).strip("_") or "project"
    try:
        parts = urlsplit(url)
    except ValueError:  # several hosts, one of them in brackets: the names are written by hand then
        parts = urlsplit("")
    name = (chosen.name if chosen else "") or unquote(parts.path.lstrip("/")) or plain
    user = (chosen.user if chosen else "") or unquote(parts.username or "") or name
    init = chosen.init if chosen else ()
    sql = "\n".join(_COMMENT.sub("", (tree.root / file).read_text("utf-8", errors="replace")) for file in init)
    lists = {
        "extensions": list(dict.fromkeys(_EXTENSION.findall(sql))),
        "graphs": list(dict.fromkeys(_GRAPH.findall(sql))),
        "init": list(init),
    }
    return [
        f"  name: {_flow(name)}",
        f"  user: {_flow(user)}",
        f"  password: {_flow(_password(chosen, plain))}",
        *(f"  {key}: [{', '.join(map(_flow, values))}]" for key, values in lists.items() if values),
    ]


def _password(chosen: ComposeDatabase | None, plain: str) -> str:
    """From a variable, with what the compose file shows as its default; never one out of a URL."""
    written = chosen.password if chosen else ""
    return written if written.startswith("${") else f"${{AEGIS_DB_PASSWORD:-{written or plain + '_local'}}}"


def _unsure(tree: Tree, found: list[ComposeDatabase], url: str, default: str) -> list[str]:
    said = [note for one in found[:1] for note in one.unsure]
    said += [f"{one.service} of {one.file} is a PostgreSQL too: it was left out" for one in found[1:]]
    if found and default == "local" and not url:
        said.append("local is the default target, not compose: change default_target if people work on compose")
    if url:
        said.append(
            f"dotenv is the {_VARIABLE} of .env, and without --target commands work on it, not on {default}:"
            f" AEGIS_TARGET={default} in .env chooses that; set `protected: true` if it is no throw-away database"
        )
    for file in found[0].init if found else ():
        if command := psql_commands.refused((tree.root / file).read_bytes().decode(psql_commands.ENCODING)):
            said.append(f"{file} uses {command.refusal}: name it under `unrestricted` too if you trust it")
    return said


def _url(env_file: Path | None) -> str:
    if env_file is None:
        return ""
    return read_dotenv(env_file, os.environ).values.get(_VARIABLE, "")


def _flow(text: str) -> str:
    return text if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_./-]*", text) else json.dumps(text, ensure_ascii=False)
