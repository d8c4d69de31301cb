"""List the packages of the wheel: aegisdb with all below it, tasks/ without tasks/dev, and the documentation."""

from setuptools import find_packages, setup

TASKS = ["aegisdb.tasks", "aegisdb.tasks.migrate"]
DOCS = ["aegisdb.docs", "aegisdb.docs.lint", "aegisdb.docs.tasks"]

setup(packages=[*find_packages(include=["aegisdb", "aegisdb.*"]), *TASKS, *DOCS])
