"""A `.env` that Docker Compose reads otherwise than the tasks."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from aegisdb.doctor.env_file import read_otherwise
from tests.registry.registries import edited, read

COMPOSE = edited("  local:", "  box: {server: compose}\n  local:") + "default_target: local\n"


def told(tmp_path: Path, lines: str, registry: str = COMPOSE) -> list[str]:
    (tmp_path / ".env").write_text(lines)
    patient: Any = SimpleNamespace(ws=SimpleNamespace(registry=read(tmp_path, registry)))
    return [one.subject for one in read_otherwise(patient)]


@pytest.mark.parametrize("value", ["pa$word", '"pa$word"', "a$$b", "$_x", '"a\\$b"'])
def test_a_bare_dollar_is_told_without_the_value(tmp_path: Path, value: str) -> None:
    assert told(tmp_path, f"A=1\nPW={value}\n") == ["PW"]


@pytest.mark.parametrize("value", ["'pa$word'", "a$1", "a$", "a${A}", "a${A:-x}", "plain"])
def test_what_both_read_alike_is_not(tmp_path: Path, value: str) -> None:
    assert told(tmp_path, f"A=1\nPW={value}\n") == []


def test_without_a_compose_target_nobody_else_reads_it(tmp_path: Path) -> None:
    assert told(tmp_path, "PW=pa$word\n", edited("  local:", "  local:")) == []
