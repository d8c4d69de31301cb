"""What env.py finds when it starts: the directory, the path of imports, the service's URL where it looks for it."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from . import other_tree, url_setting
from .error_report import Refusal

if TYPE_CHECKING:
    from .channel import Message


def enter(opening: Message) -> None:
    """Make this process the service's.

    Raises:
        Refusal: `environment`: the place of `alembic.url_setting` cannot be set.
    """
    os.chdir(opening["home"])
    if opening["instead"]:
        other_tree.take(*opening["instead"])
    sys.path.insert(0, opening["home"])
    os.environ.update(opening["variables"])
    if opening["url_env"]:
        os.environ[opening["url_env"]] = opening["url"]
    if opening["url_setting"]:
        _set(opening["url_setting"], opening["url"])


def _set(place: str, url: str) -> None:
    try:
        url_setting.put(place, url)
    except (ImportError, AttributeError, LookupError, TypeError) as error:
        told = f"{type(error).__name__}: {error}".replace(url, "the URL")
        raise Refusal("environment", f"{place} cannot be set: {told}", "see `alembic.url_setting`") from None
