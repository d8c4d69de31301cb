"""List the packages of the wheel: aegisdb with all below it, and tasks/ as aegisdb.tasks, without tasks/dev."""

from setuptools import find_packages, setup

setup(packages=[*find_packages(include=["aegisdb", "aegisdb.*"]), "aegisdb.tasks"])
