"""The example data: Texas wells, leases and operators, and documents about them. Names are invented."""

from __future__ import annotations

import csv
import datetime as dt
import json
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert

from knowledge_graph import graph
from knowledge_graph.embeddings import MODEL, embed
from knowledge_graph.models import Chunk, Document

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

DATA = Path(__file__).parent / "data"
# ids follow from what they name: the same seed gives the same rows in every database
_NAMESPACE = uuid.UUID("6f1d3c52-7a4e-5b0f-9c61-2e8d7b3a9f04")


class IncompleteSeedError(Exception):
    """Data that refer to something that does not exist."""


def read_csv(name: str) -> list[dict[str, str]]:
    """Rows of one data file, all values as text."""
    with (DATA / name).open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def read_documents() -> list[dict[str, Any]]:
    """The documents with their chunks."""
    documents: list[dict[str, Any]] = json.loads((DATA / "documents.json").read_text(encoding="utf-8"))
    return documents


async def seed(connection: AsyncConnection) -> dict[str, int]:
    """Write everything inside the caller's transaction; the numbers say how many of each the seed holds.

    Running it again changes nothing.

    Raises:
        IncompleteSeedError: a lease, well or edge names something that is not there.
    """
    return {**await _seed_graph(connection), **await _seed_documents(connection)}


async def _seed_graph(connection: AsyncConnection) -> dict[str, int]:
    operators, leases, wells = (read_csv(f"{name}.csv") for name in ("operators", "leases", "wells"))
    for well in wells:
        well.update(_numbers(well, "total_depth_ft", "latitude", "longitude"))
    steps = (
        ("operators", graph.OPERATORS, operators),
        ("leases", graph.LEASES, leases),
        ("wells", graph.WELLS, wells),
        ("operates", graph.OPERATES, leases),
        ("located_on", graph.LOCATED_ON, wells),
    )
    counts = {}
    for name, query, rows in steps:
        found = [await graph.cypher(connection, query, **row) for row in rows]
        if not all(found):
            raise IncompleteSeedError(f"{name}: {len(rows)} rows, but {found.count([])} of them do not fit the graph")
        counts[name] = len(found)
    return counts


def _numbers(row: dict[str, str], *names: str) -> dict[str, Any]:
    return {name: float(row[name]) if "." in row[name] else int(row[name]) for name in names}


async def _seed_documents(connection: AsyncConnection) -> dict[str, int]:
    documents = read_documents()
    chunks = 0
    for document in documents:
        passages = document.pop("chunks")
        document_id = uuid.uuid5(_NAMESPACE, document["external_id"])
        issued_on = dt.date.fromisoformat(document.pop("issued_on"))
        await _upsert(connection, Document, {"id": document_id, "issued_on": issued_on, **document}, "external_id")
        for ordinal, content in enumerate(passages):
            await _upsert(connection, Chunk, _chunk(document_id, ordinal, content), "document_id", "ordinal")
        beyond = (Chunk.document_id == document_id) & (Chunk.ordinal >= len(passages))
        await connection.execute(delete(Chunk).where(beyond))
        chunks += len(passages)
    return {"documents": len(documents), "chunks": chunks}


def _chunk(document_id: uuid.UUID, ordinal: int, content: str) -> dict[str, Any]:
    return {
        "id": uuid.uuid5(document_id, str(ordinal)),
        "document_id": document_id,
        "ordinal": ordinal,
        "content": content,
        "embedding": embed(content),
        "embedding_model": MODEL,
        "word_count": len(content.split()),
    }


async def _upsert(connection: AsyncConnection, model: Any, row: dict[str, Any], *key: str) -> None:
    statement = insert(model).values(row)
    # the id of a row that is already there stays: others may refer to it
    new = {name: statement.excluded[name] for name in row if name not in {"id", *key}}
    await connection.execute(statement.on_conflict_do_update(index_elements=list(key), set_=new))
