"""The HTTP side: `GET /health`, `POST /seed`, `GET /search`, `GET /wells/{api_number}`."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import wraps
from typing import TYPE_CHECKING

from sqlalchemy import select, text
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from knowledge_graph import graph
from knowledge_graph.database import open_engine
from knowledge_graph.embeddings import embed
from knowledge_graph.models import Chunk, Document
from knowledge_graph.seed import seed
from knowledge_graph.settings import database_url

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

log = logging.getLogger(__name__)
Handler = Callable[[Request], Awaitable[JSONResponse]]
_MOST = 50
# the name alone does not tell two servers, or a database and its copy, apart
_IDENTITY = """
    SELECT d.datname, (SELECT system_identifier FROM pg_control_system()) || ':' || d.oid
      FROM pg_database d WHERE d.datname = current_database()"""


def _answers_json(handler: Handler) -> Handler:
    """An error becomes a 500 with JSON; the log gets the traceback, the client its first line."""

    @wraps(handler)
    async def answer(request: Request) -> JSONResponse:
        try:
            return await handler(request)
        except Exception as error:
            log.exception("%s %s failed", request.method, request.url.path)
            # SQLAlchemy keeps the driver's own error in `orig`; its text without the parameters is enough
            cause = getattr(error, "orig", None) or error
            first_line = (str(cause).splitlines() or [""])[0]
            return JSONResponse({"ok": False, "error": f"{type(cause).__name__}: {first_line}"}, status_code=500)

    return answer


def _engine(request: Request) -> AsyncEngine:
    engine: AsyncEngine = request.app.state.engine
    return engine


@_answers_json
async def health(request: Request) -> JSONResponse:
    """Is the database there, and which one is it."""
    async with _engine(request).connect() as connection:
        name, identity = (await connection.execute(text(_IDENTITY))).one()
    return JSONResponse({"ok": True, "database": name, "database_identity": identity})


@_answers_json
async def run_seed(request: Request) -> JSONResponse:
    """Write the example data, all or nothing; again changes nothing."""
    async with _engine(request).begin() as connection:
        counts = await seed(connection)
    return JSONResponse({"ok": True, "counts": counts})


@_answers_json
async def search(request: Request) -> JSONResponse:
    """The chunks nearest to `q`, at most `limit` (5 unless told, 50 at most)."""
    query, limit = request.query_params.get("q", ""), request.query_params.get("limit", "5")
    if not query or not limit.isdecimal() or not 1 <= int(limit) <= _MOST:
        return JSONResponse({"ok": False, "error": f"needs q=TEXT and limit=1..{_MOST}"}, status_code=400)
    distance = Chunk.embedding.cosine_distance(embed(query))
    statement = (
        select(Document.external_id, Document.title, Chunk.content, distance.label("distance"))
        .join(Document)
        .order_by(distance)
        .limit(int(limit))
    )
    async with _engine(request).connect() as connection:
        rows = (await connection.execute(statement)).mappings().all()
    return JSONResponse({"ok": True, "results": [dict(row) for row in rows]})


@_answers_json
async def well(request: Request) -> JSONResponse:
    """One well with its lease and operator."""
    async with _engine(request).connect() as connection:
        found = await graph.cypher(connection, graph.NEIGHBOURHOOD, api_number=request.path_params["api_number"])
    if not found:
        return JSONResponse({"ok": False, "error": "no such well"}, status_code=404)
    return JSONResponse({"ok": True, **found[0]})


async def refused(request: Request, error: Exception) -> JSONResponse:  # noqa: ARG001  (Starlette's signature)
    """What the router itself refuses: 404, 405."""
    assert isinstance(error, HTTPException)  # noqa: S101  the only class it is registered for
    return JSONResponse({"ok": False, "error": error.detail}, status_code=error.status_code, headers=error.headers)


@contextlib.asynccontextmanager
async def lifespan(application: Starlette) -> AsyncIterator[None]:
    """One engine for the life of the process."""
    application.state.engine = open_engine(database_url())
    yield
    await application.state.engine.dispose()


app = Starlette(
    lifespan=lifespan,
    exception_handlers={HTTPException: refused},
    routes=[
        Route("/health", health),
        Route("/seed", run_seed, methods=["POST"]),
        Route("/search", search),
        Route("/wells/{api_number}", well),
    ],
)
