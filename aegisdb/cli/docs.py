"""Documentation made from the tasks themselves: a page with all of them, and one for each collection."""

from __future__ import annotations

import inspect
from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from invoke.collection import Collection

    from aegisdb.cli.task import AegisTask

_EVERYWHERE = ("target", "format")


def generated(ns: Collection, root: Path) -> dict[Path, str]:
    """Every file that is made from the tasks, with its text."""
    pages = defaultdict(list)
    for name in sorted(ns.task_names):
        pages[name.split(".")[0]].append(ns[name])
    place = root / "docs" / "tasks"
    made = {place / f"{page}.md": _page(ns, page, tasks) for page, tasks in pages.items()}
    return made | {place / "README.md": _all(ns)}


def _all(ns: Collection) -> str:
    """The page with every task."""
    rows = [f"| [`{name}`]({_link(name)}) | {_summary(ns[name])} |" for name in sorted(ns.task_names)]
    note = "Every task takes `--target NAME` and `--format text|json`; `invoke --help TASK` explains its flags."
    made = "Made from the tasks by `invoke dev.docs`. `dev.*` works on aegisdb itself and ships to nobody."
    return "\n".join(["# All tasks", "", note, made, "", "| task | does |", "|---|---|", *rows]) + "\n"


def _link(name: str) -> str:
    return f"{name.split('.', maxsplit=1)[0]}.md#{name.replace('.', '')}"


def _summary(made: AegisTask) -> str:
    return _cell((inspect.getdoc(made) or "").split("\n\n")[0])


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _page(ns: Collection, page: str, made: list[AegisTask]) -> str:
    collection = ns.collections.get(page)
    title = inspect.getdoc(collection) if collection is not None else None
    intro = f"{title.splitlines()[0]}\n\n" if title else ""
    note = "Made from the tasks by `invoke dev.docs`. Every task also takes `--target NAME` and `--format text|json`."
    return "\n\n".join([f"# {page}\n\n{intro}{note}", *(_section(one) for one in made)]) + "\n"


def _section(made: AegisTask) -> str:
    documentation = inspect.getdoc(made) or ""
    text, _, example = documentation.partition("Example:")
    commands = inspect.cleandoc(example)
    parts = [f"## {made.dotted}", text.strip(), f"```\n{commands}\n```"]
    flags = [(flag, made.texts.get(name, "")) for name, flag in made.flags.items() if name not in _EVERYWHERE]
    if flags:
        rows = [f"| `{flag.typed}` | {_cell(text)}{_default(flag.default)} |" for flag, text in flags]
        parts.append("\n".join(["| flag | meaning |", "|---|---|", *rows]))
    return "\n\n".join(parts)


def _default(default: object) -> str:
    if isinstance(default, bool) or not isinstance(default, int | float | str) or default == "":
        return ""
    return f" Default: {default:g}." if isinstance(default, float) else f" Default: {default}."
