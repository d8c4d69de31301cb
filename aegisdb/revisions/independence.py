"""Which services' pending revisions must wait for each other, so that the rest may run side by side.

Whoever runs side by side must give what one after the other gives. So two services wait for each other, in their
order, unless the text of their pending revisions shows that neither knows of the other: a declared order, a name that
the other owns, names of one third service in both, a name that both use and nobody owns, one that nobody owns and both
make, or anything that reaches beyond its own tables or cannot be seen in the text (`autocommit_block`, catalog queries,
grants on all tables of a schema, what others use without its name, names put together from pieces, imports of the
service's code, files) makes them wait.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from aegisdb.revisions.order import service_needs

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from aegisdb.registry.types import Registry
    from aegisdb.revisions.history import History
    from aegisdb.revisions.parse import Revision

    _Named = tuple[frozenset[str], frozenset[str]]
    """What the texts of a service name, and what their foreign keys point at."""

_WORD = re.compile(r"[^\W\d][\w$]*")
# what a foreign key points at is locked for a moment and not read: that is no reason to wait
_FOREIGN_KEYS = re.compile(
    r"""\breferences\s+(?:"?[\w$]+"?\.)?"?[\w$]+"?|(?<!val\()(?<!class\()["'](?:[\w$]+\.){1,2}[\w$]+["'](?!::)""",
    re.IGNORECASE,
)
_IMPORTS = re.compile(r"(?:^|;)[ \t]*(?:from[ \t]+([\w.]+)|import[ \t]+([\w., \t]+))", re.MULTILINE)
_REACHES_FAR = re.compile(
    r"\bautocommit_block\b|\bconcurrently\b|\bpg_(?!(?:trgm|get_serial_sequence|sleep)\b)|\binformation_schema\b"
    r"|\binspect(?:or)?\b|\breflect(?:ion)?\b|\bhas_(?:table|index|sequence|schema)\b|\bevent\s+trigger\b"
    r"|\bdefault\s+privileges\b|\b(?:drop|reassign)\s+owned\b|\balter\s+(?:system|role|user|database)\b"
    r"|\bset\s+(?:session\s+|local\s+)?(?:role|session\s+authorization)\b|\bimport\s+foreign\s+schema\b|\bdblink"
    r"|\ball\s+(?:\w+\s+in\s+schema|in\s+tablespace)\b|\bon\s+(?:schema|database|extension|language|role)\b"
    # used by who does not name it, or for all that there is
    r"|\b(?:create|alter|drop)\s+(?:(?:or\s+replace|trusted|procedural|default)\s+)*(?:access\s+method|cast|conversion"
    r"|extension|foreign\s+data\s+wrapper|group|language|operator|publication|subscription|text\s+search|transform)\b"
    r"|\bread_text\b|\bread_bytes\b|\bopen\s*\(|\bexec\s*\(|\beval\s*\(|\b__import__\b"
)
_PUT_TOGETHER = re.compile(
    r"""[\w$]\{(?:[^\W\d][^{}\n]*)?\}|\{(?:[^\W\d][^{}\n]*)?\}[\w$]|[\w$]%[sI]|%[sI][\w$]"""  # f"{x}_items", "%s_items"
    r"""|\+\s*[fr]?["'][\w$]|[\w$]["']\s*\+|["'][\w$]*["']\.join\b"""  # x + "_items", "_".join(...)
    r"""|\.(?:replace|translate|decode)\s*\("""  # "X_items".replace("X", x)
    # EXECUTE x || '_items', EXECUTE format('...', concat(x, '_items'))
    r"""|(?<![.\w])(?i:execute)\s+(?!(?i:function|procedure|on)\b)[^;]*?(?:\|\||\b(?i:concat\w*|replace|translate|chr)\s*\()"""
)
"""Names of which no text has the whole."""
_MADE = re.compile(
    r"""\bcreate\s+(?:(?:or|replace|temp|temporary|unlogged|unique|recursive|materialized|foreign)\s+)*
    (?:aggregate|collation|domain|extension|function|index|procedure|role|schema|sequence|server|statistics|table|type
    |user|view)\s+(?:if\s+not\s+exists\s+)?(?:"?[\w$]+"?\s*\.\s*)?"?([\w$]+)
    |\b(?:create_table|create_sequence|CreateSchema|CreateSequence|Sequence|Table)\s*\(\s*["']([\w$]+)
    |\bcreate_index\s*\(\s*(?:op\.f\s*\(\s*)?["']([\w$]+)|\bcreate_graph\s*\(\s*'([\w$]+)
    |\brename\s+to\s+(?:"?[\w$]+"?\s*\.\s*)?"?([\w$]+)|\brename_table\s*\(\s*["'][\w$]+["']\s*,\s*["']([\w$]+)
    |\b(?:enum|domain)\s*\((?:[^()]|\([^()]*\))*?\bname\s*=\s*["']([\w$]+)""",
    re.IGNORECASE | re.VERBOSE,
)
"""What statements and operations make, which find it there where somebody else made it first."""
_CALLED = re.compile(
    r"\b(?:or\s+replace|alter|drop)\s+(?:function|procedure|routine|aggregate|type|domain|sequence|view|materialized\s+view)\b"
    r"|\bsetval\b",
    re.IGNORECASE,
)
"""Changes of what triggers of anybody's tables may run or read, whose texts need not name it."""
_CALLED_NAME = re.compile(
    r"""(?:\b(?:or\s+replace|alter|drop)\s+
    (?:function|procedure|routine|aggregate|type|domain|sequence|view|materialized\s+view)\s+(?:if\s+exists\s+)?
    |\bsetval\s*\(\s*')(?:"?[\w$]+"?\s*\.\s*)?"?([\w$]+)""",
    re.IGNORECASE | re.VERBOSE,
)
_DOWNGRADE = re.compile(r"^def\s+downgrade\b.*?(?=^\S|\Z)", re.MULTILINE | re.DOTALL)
_READERS = {"importlib", "pkgutil", "runpy", "pathlib", "os", "io", "subprocess", "glob", "sys", "builtins"}
_PLAIN = (set(sys.stdlib_module_names) - _READERS) | {
    "__future__", "alembic", "sqlalchemy", "sqlmodel", "pgvector", "geoalchemy2",
}  # fmt: skip


@dataclass(frozen=True)
class _Text:
    """The texts of a service's pending revisions."""

    words: frozenset[str]
    opaque: bool
    made: frozenset[str] = frozenset()
    """Names of what they make."""
    replaces: bool = False
    """Whether they change what triggers of anybody's tables may run or read, and that was there before."""


def waits(
    registry: Registry, todo: Sequence[tuple[History, tuple[Revision, ...]]], shared: Collection[str]
) -> dict[str, frozenset[str]]:
    """For each service of `todo`, in its order, those before it that must be done first.

    `shared` are names of objects that the database has: one that no service owns is everybody's.
    """
    owner_of = cache(registry.owners.of_word)
    common = {name for name in shared if not owner_of(name)}
    texts = {history.service: _read(registry, history, steps, shared) for history, steps in todo}
    common.update(name for text in texts.values() for name in text.made if not owner_of(name))
    touched = {name: {owner for word in text.words for owner in owner_of(word)} for name, text in texts.items()}
    needs = {history.service: service_needs(registry, history).keys() for history, _ in todo}
    found: dict[str, frozenset[str]] = {}
    for name, text in texts.items():
        before = list(found)
        found[name] = frozenset(
            other
            for other in before
            if text.opaque
            or texts[other].opaque
            or text.replaces
            or texts[other].replaces
            or other in needs[name]
            or other in touched[name]
            or name in touched[other]
            or not touched[name].isdisjoint(touched[other])
            or not common.isdisjoint(text.words & texts[other].words)
        )
    return found


def waits_to_show(
    registry: Registry, todo: Sequence[tuple[History, tuple[Revision, ...]]], shared: Collection[str]
) -> dict[str, frozenset[str]]:
    """As `waits`, for who looks at what each revision does: of what it changes, it must find what it would find.

    So two services that name things of a third one, or of nobody, wait for each other, too, unless both only point
    foreign keys at them; and everybody waits for who changes a function, a type, a sequence or a view.
    """
    owners = cache(registry.owners.of_word)
    common = {name for name in shared if not owners(name)}
    found = waits(registry, todo, shared)
    named: dict[str, _Named] = {}
    called = {
        history.service
        for history, steps in todo
        if any(_CALLED.search(_DOWNGRADE.sub("", one.source)) for one in steps)
    }
    for history, steps in todo:
        name = history.service
        own, pointed = named[name] = _named(steps, owners, common)
        found[name] |= {
            other
            for other in found
            if other in named and other != name and (other in called or _meet(named[other], (own, pointed)))
        }
    return found


def _meet(one: _Named, other: _Named) -> bool:
    (own, pointed), (others, others_pointed) = one, other
    return not (own.isdisjoint(others | others_pointed) and pointed.isdisjoint(others))


def _named(steps: tuple[Revision, ...], owners: Callable[[str], frozenset[str]], common: Collection[str]) -> _Named:
    """Owners of what the texts name, and of what foreign keys in them point at; of nobody's things these themselves."""
    texts = [revision.source for revision in steps]
    whole = {word for text in texts for word in _WORD.findall(_FOREIGN_KEYS.sub(" ", text))}
    pointed = {word for text in texts for key in _FOREIGN_KEYS.findall(text) for word in _WORD.findall(key)}

    def of(words: Collection[str]) -> frozenset[str]:
        every = {*words, *(word.lower() for word in words)}  # as PostgreSQL reads a name without quotes
        return frozenset(owner for word in every for owner in owners(word)) | {w for w in every if w in common}

    return of(whole), of(pointed)


def share_names(registry: Registry, one: tuple[str, Revision], other: tuple[str, Revision]) -> bool:
    """Whether revisions of two services name the same thing of one of them, foreign keys included."""
    words = set.intersection(*({w.lower() for w in _WORD.findall(r.source)} for _, r in (one, other)))
    return any({one[0], other[0]} & registry.owners.of_word(word) for word in words)


def _read(
    registry: Registry, history: History, steps: tuple[Revision, ...], shared: Collection[str] = frozenset()
) -> _Text:
    settings = registry.services[history.service]
    words: set[str] = set()
    made: set[str] = set()
    called: set[str] = set()
    opaque = not (settings.owns or settings.schema)  # nobody can tell which names are its own
    for revision in steps:
        text = revision.source
        if opaque or _REACHES_FAR.search(text.lower()) or _PUT_TOGETHER.search(text) or _imports_more(text):
            return _Text(frozenset(), opaque=True)
        words.update(_WORD.findall(_FOREIGN_KEYS.sub(" ", text)))
        made.update(name for names in _MADE.findall(text) for name in names if name)
        called.update(_CALLED_NAME.findall(_DOWNGRADE.sub("", text)))
    # as PostgreSQL reads a name without quotes
    words.update([word.lower() for word in words])
    made.update([name.lower() for name in made])
    called.update([name.lower() for name in called])
    return _Text(frozenset(words), opaque=False, made=frozenset(made), replaces=not called.isdisjoint(shared))


def _imports_more(text: str) -> bool:
    found = [module for one, more in _IMPORTS.findall(text) for module in (one or more).split(",") if module.strip()]
    return any(module.split()[0].partition(".")[0] not in _PLAIN for module in found)
