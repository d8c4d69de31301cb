"""Services whose pending revisions see what those of others do: declared, named, or hidden in a trigger."""

from __future__ import annotations

from pathlib import Path

from tests.monorepo import Rev, Svc, build_monorepo, table, write_revision


def sql(*statements: str) -> str:
    """The body of a revision that executes these."""
    return "\n".join(f"op.execute({statement!r})" for statement in statements)


FIRST = {
    "audit": ("note text",),
    "orders": ("account int", "n int"),
    "parts": ("n int",),
    "shop": ("n int",),
    "users": ("name text",),
}
"""Services in their order, each with the columns of its table `<name>_t`."""
PENDING = {
    "audit": [
        sql("INSERT INTO audit_t (id, note) SELECT g, 'a' FROM generate_series(1, 7) g"),
        sql("ALTER TABLE audit_t ADD more int"),
    ],
    # the text names a table of another service, and nothing else says so
    "orders": [
        sql("UPDATE users_t SET name = name || '!' WHERE id < 14"),
        sql("ALTER TABLE orders_t ADD FOREIGN KEY (account) REFERENCES users_t (id)"),
        sql("INSERT INTO orders_t (id, account) SELECT g, g + 10 FROM generate_series(1, 5) g"),
    ],
    "parts": [
        sql("ALTER TABLE parts_t ADD UNIQUE (n)"),
        'op.add_column("parts_t", sa.Column("more", sa.Integer))',
        sql("INSERT INTO parts_t (id, n) SELECT g, g FROM generate_series(1, 3) g"),
    ],
    "shop": [
        sql("ALTER TABLE shop_t ADD seller int REFERENCES users_t (id)", "ALTER TABLE parts_t RENAME TO parts_of_t"),
        sql("CREATE INDEX ON shop_t (n)"),
    ],
    "users": [
        sql("INSERT INTO users_t (id, name) SELECT g, 'u' FROM generate_series(10, 19) g"),
        sql("ALTER TABLE users_t ALTER name TYPE varchar(80)"),
    ],
}


def plan_place(root: Path, url: str, project: str) -> Path:
    """The monorepo with the first revision of each service; `add_pending` writes the others."""
    return build_monorepo(root, {name: _service(name) for name in FIRST}, url=url, extra={"project": project})


def add_pending(root: Path, pending: dict[str, list[str]] = PENDING) -> None:
    """Write the revisions that are to be planned."""
    for name, bodies in pending.items():
        parent = f"{name}1"
        for number, body in enumerate(bodies, 2):
            write_revision(root / "services" / name, Rev(id=f"{name}{number}", up=body), parent)
            parent = f"{name}{number}"


def remove_pending(root: Path) -> None:
    """Leave the first revision of each service."""
    for name in FIRST:
        for path in (root / "services" / name / "alembic" / "versions").glob("*.py"):
            if path.stem != f"{name}1":
                path.unlink()


def _service(name: str) -> Svc:
    return Svc(revisions=(Rev(id=f"{name}1", up=table(f"{name}_t", *FIRST[name])),))
