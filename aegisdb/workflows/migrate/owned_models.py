"""Models that no service owns, put under `owns` of the service for which `migrate.new` writes."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aegisdb.revisions.history import History
    from aegisdb.workspace import Workspace


def with_owned_models(ws: Workspace, history: History) -> Workspace:
    """The workspace in which the service owns its models that nobody owned; services.yaml says so from now on."""
    from aegisdb.files import replace_file
    from aegisdb.models.left import compared_alone
    from aegisdb.registry import load
    from aegisdb.registry.owns import with_owned
    from aegisdb.workflows.migrate.concerned import about

    names = [model.name for model in compared_alone(ws, history).lost if not model.owner]
    if not names:
        return ws
    path = ws.registry.path
    replace_file(path, with_owned(path, history.service, names), durable=True)
    return about(replace(ws, registry=load(path, os.environ)), history.service)
