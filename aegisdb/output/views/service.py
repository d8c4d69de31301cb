"""Text views of the service tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aegisdb.output.blocks import Block, Fields, Styled, Text, table
from aegisdb.output.views import verdict
from aegisdb.plain_text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator


def listed(result: Any) -> Iterator[Block]:
    """Write one row for each service."""
    if not result.services:
        yield Text("no services yet: invoke service.add NAME, or service.adopt PATH")
        return
    rows = [
        (
            Styled(service.name, "name"),
            " ".join(service.after),
            str(len(service.seeds)),
            service.version_table or Styled("no history", "dim"),
            service.path,
            " ".join(service.owns),
        )
        for service in result.services
    ]
    yield table(("service", "after", "seeds#", "version table", "path", "owns"), rows)


def added(result: Any) -> Iterator[Block]:
    """Show what was written, the entry, and what to type next."""
    done = f"{result.path} is written" if result.written else f"{result.path} would be written"
    yield Text(done, "ok" if result.written else "")
    yield Text("\n".join(one_line(f"  {file}") for file in result.files), verbatim=True)
    yield Text("services.yaml gets:" if not result.written else "services.yaml has:")
    yield Text(result.entry.rstrip(), verbatim=True)
    yield Text(f"next: invoke migrate.apply --service {result.service}")


def adopted(result: Any) -> Iterator[Block]:
    """Show what was found in a service, the entry, and what to look at."""
    yield Text(
        f"{result.path} is registered as {result.service}" if result.written else f"found in {result.path}", "ok"
    )
    yield Fields(
        (
            ("version table", result.version_table),
            ("revisions", str(result.revisions)),
            ("tables", " ".join(result.tables) or "none"),
            ("URL from", result.url_source),
        )
    )
    for note in result.notes:
        yield Text(f"look at: {note}", "warn")
    yield Text(result.entry.rstrip(), verbatim=True)
    yield Text(f"next: invoke migrate.status, then migrate.verify --service {result.service}")


VIEWS = {"ServiceListResult": listed, "ServiceAddResult": added, "ServiceAdoptResult": adopted, **verdict.VIEWS}
