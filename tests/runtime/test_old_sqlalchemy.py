"""A service's environment with a SQLAlchemy that is older than what the worker uses of it."""

from __future__ import annotations

import pytest
import sqlalchemy

from aegisdb.runtime.worker.error_report import Refusal
from aegisdb.runtime.worker.oldest import require_sqlalchemy


@pytest.mark.parametrize("version", ["1.3.24", "0.9"])
def test_one_that_is_too_old_is_named(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    monkeypatch.setattr(sqlalchemy, "__version__", version)
    with pytest.raises(Refusal, match=f"SQLAlchemy {version}; 1.4 is the oldest"):
        require_sqlalchemy()


@pytest.mark.parametrize("version", ["1.4.54", "2.0.0b3", "2.1.9", "3.0"])
def test_a_newer_one_is_taken(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    monkeypatch.setattr(sqlalchemy, "__version__", version)
    require_sqlalchemy()
