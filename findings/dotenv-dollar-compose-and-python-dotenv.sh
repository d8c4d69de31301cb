#!/usr/bin/env bash
# One .env, two passwords: Docker Compose fills in a bare `$word`, python-dotenv leaves it as it stands.
#
# `POSTGRES_PASSWORD=pa$word` makes a container with the password `pa`, and an application that reads the same file with
# python-dotenv logs in with `pa$word`. Double quotes change nothing; between single quotes both read alike, and so are
# `${word}` and `${word:-x}`. `$$` is one dollar to Compose and two to python-dotenv. Compose only warns that the
# variable is not set, and not even that where the shell has one of this name.
#
# Seen on 2026-11-29: Docker Compose 2.26.1 (Debian; no daemon is needed), python-dotenv 1.2.4.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q python-dotenv==1.2.4
cd "$work"
cat >.env <<'ENV'
BARE=pa$word
DOUBLE="pa$word"
TWICE=pa$$word
SINGLE='pa$word'
BRACES=pa${word:-x}
ENV
cat >compose.yaml <<'YAML'
services:
  postgres:
    image: postgres
    env_file: .env
YAML
env -u word docker compose config --format json >config.json 2>warnings
docker compose version
"$work/venv/bin/python" - <<'PY'
import json
import sys

from dotenv import dotenv_values

with open("config.json") as file:  # a dollar is written twice there, so that it can be read again
    compose = {k: v.replace("$$", "$") for k, v in json.load(file)["services"]["postgres"]["environment"].items()}
python = dict(dotenv_values(".env"))
for name in python:
    print(f"{name}: Compose {compose[name]!r}, python-dotenv {python[name]!r}")
differ = [name for name in python if compose[name] != python[name]]
if differ != ["BARE", "DOUBLE", "TWICE"] or (compose["BARE"], python["BARE"]) != ("pa", "pa$word"):
    sys.exit("changed")
print("as described")
PY
