"""One revision of a small monorepo, judged by the rules."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from aegisdb.lint import Context, Finding, check
from aegisdb.registry import load
from aegisdb.registry.types import Registry
from aegisdb.revisions.load import read_histories
from tests.monorepo import Rev, Svc, build_monorepo

UNDONE = 'op.execute("DROP TABLE IF EXISTS shop_items")'
CRM = Svc(revisions=(Rev(id="c1", message="create customers of the crm"),), owns=("crm_*", "mood", "touch_customer"))


def context_of(root: Path) -> Context:
    """The monorepo at `root` as rules see it, without git and without a database."""
    path = root / "services.yaml"
    registry = replace(_read_once(path.read_text(), root), path=path)
    return Context(registry=registry, histories=read_histories(registry))


_read: dict[str, Registry] = {}


def _read_once(text: str, root: Path) -> Registry:
    """Most tests of rules have one and the same registry, and reading it is most of what they do."""
    if text not in _read:
        _read[text] = load(root / "services.yaml", {})
    return _read[text]


def judge(root: Path, *revisions: Rev, schema: str | None = None) -> tuple[Finding, ...]:
    """Findings about the service `shop` with these revisions, which owns `shop_*`; `crm` is beside it."""
    build_monorepo(root, {"shop": Svc(revisions=revisions, schema=schema), "crm": CRM})
    context = context_of(root)
    shop = context.good().get("shop")
    chosen = [("shop", revision) for revision in shop.ordered()] if shop else []
    return check(context, chosen).findings


def rev(up: str, down: str = UNDONE, *, message: str = "create items of the shop", head: str = "") -> Rev:
    """A revision that no rule objects to, but for what a test puts into it."""
    return Rev(id="s1", up=up, down=down, message=message, head=head)


def found(findings: tuple[Finding, ...], rule: str) -> list[str]:
    """What one rule says."""
    return [finding.message for finding in findings if finding.rule == rule]
