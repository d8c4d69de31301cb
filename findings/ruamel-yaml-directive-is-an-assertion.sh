#!/usr/bin/env bash
# ruamel.yaml answers a document that begins with `%YAML 1.3` with an AssertionError, which is no YAMLError.
#
# The YAML specification asks a processor of 1.2 to read a later minor version with a warning. `%YAML 2.0` is refused
# with a ParserError that names the line; a minor version of 1 that is neither 1.1 nor 1.2 passes `except YAMLError`.
#
# Seen on 2026-11-29: ruamel.yaml 0.19.1, Python 3.11.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q ruamel.yaml==0.19.1
"$work/venv/bin/python" - <<'PY'
import sys

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError


def outcome(version):
    try:
        return str(YAML(typ="safe").load(f"%YAML {version}\n---\nkey: value\n"))
    except YAMLError as error:
        return f"YAMLError ({type(error).__name__})"
    except AssertionError as error:
        return f"AssertionError ({error})"


seen = {version: outcome(version) for version in ("1.1", "1.2", "1.3", "2.0")}
print(*(f"%YAML {version}: {what}" for version, what in seen.items()), sep="\n")
if not (seen["1.3"].startswith("AssertionError") and seen["2.0"].startswith("YAMLError")):
    sys.exit("changed")
print("as described")
PY
