"""The module that imports Alembic: env.py runs here, under a context that guards it and feeds it."""

from __future__ import annotations

import io
from argparse import Namespace
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import alembic.context
import alembic.runtime.migration
from alembic.autogenerate.api import RevisionContext
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationStep
from alembic.script import ScriptDirectory

from . import (
    fast,
    files_read,
    guard,
    metadata,
    offline_connection,
    revision_files,
    schema_path,
    surroundings,
    transactions,
    version_locations,
    version_rows,
)
from .autogenerate_filter import Filter
from .error_report import Refusal
from .fast import plain_sql, unix_socket, version_table
from .heads import Heads
from .loaded import loaded
from .model_build import ModelBuild
from .model_trial import taken_back, tried
from .old_code import OldCode, tables_of
from .oldest import require_sqlalchemy
from .on_demand import OnDemand
from .plugin_operations import of_plugins
from .proposals import Proposal
from .stepper import Stepper
from .trial_rows import Memory

if TYPE_CHECKING:
    from collections.abc import Callable

    from .channel import Channel, Message

_STAND_IN = Path(__file__).parent / "stand_in.ini"
# `inspect.signature` takes milliseconds, in each worker
_CONFIGURE = EnvironmentContext.configure.__code__.co_varnames[1 : EnvironmentContext.configure.__code__.co_argcount]
_OF_MODELS = frozenset({"models", "propose", "old_code"})
_READS_TOML = "toml_file" in Config.__init__.__code__.co_varnames


class GuardedEnvironment(EnvironmentContext):
    """What env.py knows as `alembic.context`: the same interface, with our guard and filter inside `configure`."""

    def __init__(self, side: AlembicSide, fn: Callable[..., Any], **options: Any) -> None:
        self._side = side
        super().__init__(side.config, side.script, fn=fn, **options)

    def configure(self, *args: Any, **kwargs: Any) -> None:
        """Prove the connection, then configure as env.py wishes, one transaction a revision."""
        self._side.configured = True
        wished = {**{_CONFIGURE[place]: value for place, value in enumerate(args)}, **kwargs}
        guard.settle_version_table(wished, self._side.opening, self._side.script.env_py_location)
        wished["transaction_per_migration"] = True
        wished["target_metadata"], left_out = metadata.sorted_out(wished.get("target_metadata"))
        if left_out:
            self._side.left_out(left_out)
        self._side.filter = Filter(self._side.opening, wished["target_metadata"])
        wished["include_name"] = self._side.filter.name_hook(wished.get("include_name"))
        wished["include_object"] = self._side.filter.object_hook(wished.get("include_object"))
        if self.is_offline_mode():
            self._configure_offline(wished)
        else:
            self._configure_online(wished)

    def _configure_online(self, wished: dict[str, Any]) -> None:
        connection = guard.require_connection(wished.get("connection"))
        # one that is left open Alembic would take for env.py's own
        with nullcontext() if connection.in_transaction() else connection.begin():
            self._side.connected(connection)
        ours = wished.get("on_version_apply") or ()
        callbacks = tuple(ours) if isinstance(ours, (list, tuple)) else (ours,)
        self._side.stepper.overheard = bool(callbacks)
        wished["on_version_apply"] = (*callbacks, self._side.stepper.applied)
        super().configure(**wished)
        context = self.get_context()
        context.opts["aegisdb"] = self._side.stepper.suite()
        version_table.take(context, version_rows.read, version_rows.exists)
        plain_sql.take(context)

    def _configure_offline(self, wished: dict[str, Any]) -> None:
        super().configure(**{**wished, **offline_connection.OPTIONS, "output_buffer": self._side.buffer})
        self._side.stepper.offline_script = offline_connection.take(self.get_context(), self._side.opening)


# `alembic.context` knows the methods of the classes that were registered with it, not those of their subclasses
GuardedEnvironment.create_module_class_proxy(vars(alembic.context), vars(alembic.context))


class AlembicSide:
    """One service and one database: its configuration, its scripts, and runs of its env.py."""

    def __init__(self, channel: Channel, opening: Message) -> None:
        self.channel = channel
        self.opening = opening
        require_sqlalchemy()
        surroundings.enter(opening)
        fast.switch(opening["fast"])
        unix_socket.take(opening["socket"])
        schema_path.take(opening)
        self.config = _config(opening)
        self.attributes = OnDemand(opening["url"])
        self.config.attributes = self.attributes
        self.script = version_locations.settled(ScriptDirectory.from_config(self.config), opening)
        files_read.revisions_stand_in(self.script._version_locations)  # noqa: SLF001  of all Alembic versions
        self.stepper = Stepper(channel, self.script, MigrationStep, opening)
        # Alembic makes its own; this process is one service's alone, so it may be told once and for all
        alembic.runtime.migration.HeadMaintainer = partial(Heads, self.stepper)  # type: ignore[assignment,misc]
        self.filter: Filter | None = None
        self.proposal: Proposal
        self.memory: Memory
        self.buffer = io.StringIO()
        self.configured = False
        """Whether env.py has told Alembic anything in this run."""
        self.operation = ""
        """The request that is being answered."""

    def connected(self, connection: Any) -> None:
        """Prove the connection, settle it, and tell the engine which backend it is."""
        pid = guard.prove(connection, self.opening, self.script.env_py_location)
        guard.settle(connection, self.opening)
        self.channel.write({"event": "connected", "backend_pid": pid})

    def left_out(self, names: tuple[str, ...]) -> None:
        """Tell of what env.py gives as metadata and is none, where models are looked at."""
        if self.operation in _OF_MODELS:
            self.channel.write({"event": "left out", "names": names})

    def move(self, opening: Message) -> None:
        """Go on with another database; models and revisions stay loaded."""
        self.opening.update(opening)
        self.config.attributes = self.attributes = OnDemand(opening["url"])
        self.config.set_main_option("sqlalchemy.url", opening["url"].replace("%", "%%"))
        self.channel.write({"ok": True})

    def release(self, request: Message) -> None:
        """Answer when env.py has returned: the request before this one ended its run, and so its connection."""
        del request
        self.channel.write({"ok": True, "loaded": loaded()})

    def run(self, fn: Callable[..., Any], **options: Any) -> None:
        """Run env.py once; `fn` is what its `run_migrations()` iterates."""
        self.configured = False
        try:
            self._run_env(fn, options)
        except Exception as error:
            if self.configured or not self.attributes.missed:
                raise
            # it asked for a connection, got none, and gave up before it told Alembic anything
            self.attributes.insisting = True
            self._run_again(error, fn, options)
        finally:
            self.attributes.close()

    def _run_again(self, first: Exception, fn: Callable[..., Any], options: Message) -> None:
        try:
            self._run_env(fn, options)
        except Exception:
            if not self.configured:
                raise first from None  # that it got one made no difference
            raise

    def _run_env(self, fn: Callable[..., Any], options: Message) -> None:
        with GuardedEnvironment(self, fn, **options):
            self.script.run_env()

    def steps(self, request: Message) -> None:
        """Do this step and all that follow in one run of env.py; each is answered when it is committed."""
        self.channel.put_back(request)
        self.run(self.stepper.migrations, purge=bool(request.get("purge")))
        self.stepper.ended()

    def render(self, request: Message) -> None:
        """Answer with the SQL of some revisions."""
        self.buffer.seek(0)
        self.buffer.truncate()
        starting = request["applied"]
        self.run(
            lambda _heads, _context: self.stepper.offline(request),
            as_sql=True,
            starting_rev=starting or None,
            destination_rev=None,
        )
        self.channel.write({"ok": True, "sql": self.buffer.getvalue()})

    def propose(self, request: Message) -> None:
        """Answer with what autogenerate would do about own objects; it is kept, to be tried and written."""
        context = RevisionContext(
            self.config, self.script, revision_files.command_arguments(self.script, request, autogenerate=True)
        )
        self.proposal = Proposal(context, request["objects"])
        answer: Message = {}

        def look(heads: Any, migration: Any) -> list[Any]:
            compared = self._compared(migration)
            compared.look_at(migration.connection)
            answer.update(self.proposal.look(heads, migration, compared, request["first"]))
            return []

        self.run(look, as_sql=False, template_args=context.template_args, revision_context=context)
        self.channel.write({"ok": True, "compared": self.filter.compared if self.filter else 0, **answer})

    def attempt(self, request: Message) -> None:
        """Do what was proposed, in this database, which is thrown away afterwards."""

        def attempt(_heads: Any, migration: Any) -> list[Any]:
            self.proposal.attempt(migration, request)
            transactions.keep(migration)
            return []

        self.run(attempt, as_sql=False)
        self.channel.write({"ok": True})

    def write(self, request: Message) -> None:
        """Write what was proposed."""
        self.channel.write({"ok": True, "path": self.proposal.write(request)})

    def _compared(self, migration: Any) -> Filter:
        if self.filter is None or migration.opts["target_metadata"] is None:
            raise Refusal("no_metadata", f"{self.script.env_py_location} gives Alembic no target_metadata")
        return self.filter

    def models(self, request: Message) -> None:
        """Build what the models say in this database: to be thrown away, or `reading` it, for as long as that takes."""
        answer: Message = {}

        def build(_heads: Any, migration: Any) -> list[Any]:
            connection = migration.connection
            self.script.get_heads()  # as autogenerate does: revisions may import models that env.py does not
            compared = self._compared(migration)
            plugins = request.get("plugins") or of_plugins(migration, compared)
            models = ModelBuild(connection, compared, request)
            if request["reading"]:
                answer.update(tried(connection, models.run, request["reading"]))
                transactions.undo(migration)
            else:
                answer.update(models.run())
                transactions.keep(migration)
            answer["plugins"] = plugins
            return []

        # the version table of a history without revisions is not made for this
        self.run(build, as_sql=False, dont_mutate=bool(request["reading"]))
        self.channel.write({"ok": True, **answer, "loaded": loaded()})

    def old_code(self, request: Message) -> None:
        """Do to this database what code with these models does, and take it back."""
        answer: Message = {}
        if request["first"]:
            self.memory = Memory()

        def look(_heads: Any, migration: Any) -> list[Any]:
            self.script.get_heads()  # see above
            tables = tables_of(self._compared(migration).collection, self.opening["version_tables"])
            run = OldCode(migration.connection, tables, self.memory, first=request["first"])
            with taken_back(migration.connection):
                answer["tables"] = run.run()
            transactions.undo(migration)
            return []

        self.run(look, as_sql=False, dont_mutate=True)
        self.channel.write({"ok": True, **answer, "loaded": loaded()})

    def empty(self, request: Message) -> None:
        """Write an empty revision file."""
        context = RevisionContext(
            self.config, self.script, revision_files.command_arguments(self.script, request, autogenerate=False)
        )
        self.channel.write({"ok": True, "path": revision_files.write(context, request)})


def _config(opening: Message) -> Config:
    # an env.py inside a package may insist on a file for `fileConfig(config.config_file_name)`
    ini = opening["ini"] or (None if opening["pyproject"] else str(_STAND_IN))
    toml = {"toml_file": opening["pyproject"]} if opening["pyproject"] and _READS_TOML else {}
    config = Config(ini, **toml, cmd_opts=Namespace(x=opening["x"]) if opening["x"] else None)
    if opening["script_location"]:
        config.set_main_option("script_location", opening["script_location"].replace("%", "%%"))
    config.set_main_option("sqlalchemy.url", opening["url"].replace("%", "%%"))
    return config
