"""Every object has one owner, from patterns, from the table it hangs on, or from those who use it."""

from __future__ import annotations

from pathlib import Path

import pytest

from aegisdb.fingerprint import Fingerprint
from aegisdb.fingerprint.keys import parse
from aegisdb.ownership import Owners, OwnersAround, orphaned_claims
from aegisdb.registry import load
from tests.monorepo import Svc, build_monorepo

BASE = Fingerprint(
    {
        "table public.users": "owner x",
        "table public.audit": "owner x",
        "function public.refuse()": "owner x",
        "extension age": "schema ag_catalog",
        "schema ag_catalog": "owner x",
        "schema public": "owner x",
    },
    {"table public.users": "public.users", "table public.audit": "public.audit"},
)


@pytest.fixture
def owners(tmp_path: Path) -> Owners:
    services = {
        "identity": Svc(owns=("users", "user_*", "account_status")),
        "graph": Svc(owns=("oilgas.*", "Odd")),
        "billing": Svc(owns=("invoice*",), schema="billing"),
    }
    return Owners(load(build_monorepo(tmp_path, services) / "services.yaml", {}), BASE)


@pytest.mark.parametrize(
    ("key", "relation", "owner"),
    [
        ("table public.users", "public.users", "identity"),
        ("column public.users.name", "public.users", "identity"),
        ("index public.whatever", "public.user_sessions", "identity"),
        ("comment on table public.users", "public.users", "identity"),
        ("type public.account_status", "", "identity"),
        ("grants on type public.account_status", "", "identity"),
        ("table public.alembic_version_identity", "public.alembic_version_identity", "identity"),
        ('table oilgas."Well"', 'oilgas."Well"', "graph"),
        ('label oilgas."Well"', "", "graph"),
        ('table public."Odd"', 'public."Odd"', "graph"),
        ("table billing.invoices", "billing.invoices", "billing"),
        ("table public.invoices", "public.invoices", ""),
        ("function billing.anything(integer)", "", "billing"),
        ("schema billing", "", "billing"),
        ("table public.audit", "public.audit", "base"),
        ("index public.new_one", "public.audit", "base"),
        ("function public.refuse()", "", "base"),
        ("extension age", "", "extension"),
        ("schema ag_catalog", "", "extension"),
        ("table aegisdb.journal", "aegisdb.journal", "aegisdb"),
        ("table public.by_hand", "public.by_hand", ""),
    ],
)
def test_owner(owners: Owners, key: str, relation: str, owner: str) -> None:
    assert owners.owner_of(key, relation) == owner


def test_a_function_follows_the_one_service_that_uses_it(owners: Owners) -> None:
    live = Fingerprint(
        {
            "table public.users": "owner x",
            "trigger public.users.t": "CREATE TRIGGER t ... EXECUTE FUNCTION public.touch()",
            "column public.users.m": "public.mood",
            "column billing.invoices.m": "public.shared",
            "column public.users.s": "public.shared",
            "function public.touch()": "owner x",
            "comment on function public.touch()": "'x'",
            "type public.mood": "enum ('a')",
            "type public.shared": "enum ('a')",
            "type public.mood_of_nobody": "enum ('a')",
        },
        {
            "trigger public.users.t": "public.users",
            "column public.users.m": "public.users",
            "column public.users.s": "public.users",
            "column billing.invoices.m": "billing.invoices",
        },
    )
    found = owners.owners(live)
    assert found["function public.touch()"] == "identity"
    assert found["comment on function public.touch()"] == "identity"
    assert found["type public.mood"] == "identity"
    assert found["type public.shared"] == ""
    assert found["type public.mood_of_nobody"] == ""


def test_claims_that_name_nothing_are_told(owners: Owners) -> None:
    live = Fingerprint({"table public.users": ""}, {"table public.users": "public.users"})
    orphaned = [(claim.service, claim.pattern) for claim in orphaned_claims(owners, live)]
    assert ("identity", "user_*") in orphaned
    assert ("identity", "users") not in orphaned


@pytest.mark.parametrize(
    ("key", "kind", "qualified"),
    [
        ('column public."Odd.Name"."a b"', "column", "public.Odd.Name"),
        ("function public.f(a integer, b text)", "function", "public.f"),
        ("comment on domain constraint k on public.d", "domain constraint", "public.d"),
        ("text search configuration public.c", "text search configuration", "public.c"),
        ("event trigger e", "event trigger", "e"),
    ],
)
def test_keys_are_taken_apart(key: str, kind: str, qualified: str) -> None:
    assert (parse(key).kind, parse(key).qualified) == (kind, qualified)


@pytest.mark.quick
@pytest.mark.parametrize(
    "added",
    [
        {},
        {"column public.users.mood": "public.mood"},
        {"column public.invoices.mood": "public.mood", "type public.mood_of": "enum ('a')"},
        {"type public.kind": "enum ('a')", "column public.user_kinds.kind": "public.kind"},
        {"comment on type public.kind": "'x'", "type public.kind": "enum", "column public.users.k": "public.kind"},
        {"function public.touch(integer)": "another of that name", "column public.users.k": "public.touch(1)"},
        {"sequence public.free": "owned by public.users.id"},
        {"column public.users.n": "default nextval('public.free'::regclass)"},
        {"type public.late": "composite (a public.mood)"},
    ],
)
def test_what_comes_to_a_schema_has_the_owners_that_it_has_in_all_of_it(owners: Owners, added: dict[str, str]) -> None:
    facts = {
        **BASE.facts,
        "column public.users.name": "public.mood",
        "type public.mood": "enum ('a')",
        "comment on type public.mood": "'x'",
        "function public.touch()": "of nobody",
        "sequence public.free": "bigint",
        "column public.invoices.late": "public.late",
        "grants on function public.touch()": "x",
    }
    relations = {key: ".".join(key.split()[-1].split(".")[:2]) for key in facts if key.startswith(("table", "column"))}
    head = Fingerprint(facts, relations)
    more = Fingerprint(
        added,
        {key: ".".join(key.split()[1].split(".")[:2]) for key in added if key.startswith("column")}
        | ({"sequence public.free": "public.users"} if "owned by" in str(added) else {}),
    )
    around, whole = OwnersAround(owners, head), owners.owners(head, more)
    told = around.with_(more)
    for owner, keys in around.settled.items():
        told = {**dict.fromkeys(keys, owner), **told}
    assert told == whole
