"""`service.hooks`: git's post-checkout hook that puts the database of the branch in place, and never fails a checkout.

Where nothing changes it asks git for the branch and reads one file; Python is started only where a database is to be
switched. What another hook does in the same file stays.
"""

from __future__ import annotations

import re
import shlex
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aegisdb.errors import BadInput, Refused
from aegisdb.file_cache import STATE
from aegisdb.files import replace_file
from aegisdb.git_head import NOTED
from aegisdb.processes import run
from aegisdb.results import Result

if TYPE_CHECKING:
    from pathlib import Path

    from aegisdb.workspace import Workspace

_BEGIN, _END = "# aegisdb: begin, by `invoke service.hooks --install`", "# aegisdb: end"
_OURS = re.compile(rf"{re.escape(_BEGIN)}\n.*?{re.escape(_END)}\n", re.DOTALL)
_SHELL = re.compile(r"#!\s*(/usr/bin/env\s+)?\S*\b(ba|da|k|z)?sh\b.*")
_SCRIPT = f"""\
{_BEGIN}
(
    [ "$3" = 1 ] || exit 0
    cd {{root}} && [ -d {STATE} ] || exit 0
    branch=$(git symbolic-ref --short -q HEAD) || exit 0
    if [ -f {STATE}/{NOTED} ] && IFS= read -r noted <{STATE}/{NOTED} && [ "$noted" = "$branch" ]; then exit 0; fi
    unset $(git rev-parse --local-env-vars)
    {{python}} -P -m aegisdb.tasks db.switch --lock-wait 3 </dev/null >&2 ||
        echo "aegisdb: the database in place is still the other branch's: invoke db.switch" >&2
) || :
{_END}
"""


@dataclass(frozen=True, kw_only=True)
class HooksResult(Result):
    """Whether git's post-checkout hook switches the database."""

    path: str
    installed: bool
    changed: bool


def hooks(ws: Workspace, *, install: bool = False, remove: bool = False) -> HooksResult:
    """Tell whether the hook is there; write it, or take it out again.

    Raises:
        BadInput: there is no git repository here; Refused: the hook that is there is no shell script.
    """
    path, root = _place(ws)
    before = path.read_text(errors="surrogateescape") if path.is_file() else ""
    others = _OURS.sub("", before)
    if not (install or remove):
        return HooksResult(path=str(path), installed=others != before, changed=False)
    first, _, rest = others.partition("\n")
    if install and others.strip() and not _SHELL.fullmatch(first):
        raise Refused(
            f"{path} is not a shell script, so nothing can be added to it",
            hint="let it run `invoke db.switch` itself when its third argument is 1",
            code="hook",
        )
    script = _SCRIPT.format(root=shlex.quote(root), python=shlex.quote(sys.executable)) if install else ""
    wanted = f"{first or '#!/bin/sh'}\n{script}{rest}"
    if remove and not rest.strip():
        path.unlink(missing_ok=True)
    elif wanted != before:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, wanted.encode(errors="surrogateescape"), mode=0o755)
    return HooksResult(path=str(path), installed=install, changed=wanted != before)


def _place(ws: Workspace) -> tuple[Path, str]:
    """The hook's file, and the directory of services.yaml from the top of a worktree, where hooks run."""
    root = ws.registry.root
    asked = run(["git", "rev-parse", "--git-path", "hooks/post-checkout", "--show-prefix"], cwd=root, timeout=30)
    if asked.returncode:
        raise BadInput("there is no git repository here", where=str(root), code="no_git")
    path, prefix = asked.stdout.split("\n")[:2]
    return (root / path).resolve(), prefix.rstrip("/") or "."
