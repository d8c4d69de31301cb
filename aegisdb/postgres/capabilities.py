"""What the engine needs of a server, whatever it is called: how that is asked, and the refusal where it is missing.

What can be told by SQL is a column of the first question of each session, so it costs no message of its own. The rest
comes out of what is done anyway; only where something stands between, sessions are opened to find out. docs/targets.md
has this table too.
"""

from __future__ import annotations

from aegisdb.errors import Refused, TooFewSessions
from aegisdb.fast_dataclass import dataclass

DIRECT = "give its direct address: `direct_url:` of the target, or DATABASE_URL_DIRECT beside DATABASE_URL"
"""The hint of what needs a session of its own."""
SESSIONS = 4
"""What a writer has at once: a session of the lock, of our own statements, of env.py and of who watches it."""


@dataclass(frozen=True)
class Capability:
    """A thing that a server, a role or a way to them has or has not."""

    name: str
    needed_by: str
    asked: str
    """The question, in words."""
    code: str = "capability"
    """The error code of the refusal, which ends with exit code 3."""
    sql: str = ""
    """True where it is there; a column of the first question."""
    hint: str = DIRECT
    error: type[Refused] = Refused

    def refusal(self, what: str, why: str, *, hint: str = "") -> Refused:
        """The refusal of `what`, because of what is there instead."""
        return self.error(
            f"{what} needs {self.name}, and {why}; nothing was touched", hint=hint or self.hint, code=self.code
        )


_LOCKS = ("pg_try_advisory_xact_lock", "pg_advisory_xact_lock", "pg_try_advisory_lock", "pg_advisory_lock")
_LOCKING = "bool_and(coalesce(has_function_privilege(to_regprocedure(name || '(bigint)'), 'EXECUTE'), false))"
IDENTIFIER = Capability(
    name="pg_control_system()",
    needed_by="everything: which server this is, whatever its address says",
    asked="the first question of each session",
    hint="as a superuser in this database: GRANT EXECUTE ON FUNCTION pg_control_system() TO PUBLIC",
)
TRANSACTION = Capability(
    name="a transaction",
    needed_by="everything",
    asked="the first BEGIN",
    code="shared_session",
)
ADVISORY_LOCKS = Capability(
    name="advisory locks",
    needed_by="writers, and whatever makes databases",
    asked="the first question of each session: EXECUTE on their functions",
    sql=f"(SELECT {_LOCKING} FROM unnest('{{{','.join(_LOCKS)}}}'::text[]) name)",  # noqa: S608  constants of ours
    hint=f"as a superuser in this database, for each of {', '.join(_LOCKS)}: GRANT EXECUTE ON FUNCTION NAME(bigint) TO"
    " PUBLIC",
)
CREATE_DATABASE = Capability(
    name="CREATE DATABASE",
    needed_by="`db.reset`, snapshots, clones, and proofs that are made on this server",
    asked="the first question of each session: CREATEDB or superuser",
    sql="(SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user)",
    hint="as a superuser: ALTER ROLE ... CREATEDB; proofs can be made elsewhere: `proof:` of the target, AEGIS_PROOF",
)
PRIMARY = Capability(
    name="a primary",
    needed_by="writers",
    asked="the first question of each session: pg_is_in_recovery()",
    code="standby",
)
OWN_SESSION = Capability(
    name="a session of its own",
    needed_by="writers: the lock, CREATE INDEX CONCURRENTLY beside it, settings",
    asked="two sessions of ours, where something stands between, are two server processes and stay so",
    code="shared_session",
)
ENOUGH_SESSIONS = Capability(
    name="several sessions at once",
    needed_by=f"writers: {SESSIONS}; what compares on the same server: two",
    asked=f"{SESSIONS} sessions of ours where a pooler stands between, two where another proxy does",
    code="pool_size",
    hint=f"raise the pool's size, or {DIRECT}",
    error=TooFewSessions,
)
ONE_SERVER = Capability(
    name="one server behind the address",
    needed_by="what decides something by what it reads",
    asked="SHOW pool_version, where something stands between",
    code="shared_session",
)
OWN_DATABASES = Capability(
    name="databases of its own",
    needed_by="`db.reset`, snapshots, clones, proofs that are made on this server",
    asked="libpq's key of the session against pg_backend_pid(): a pooler would keep sessions in them",
    code="shared_session",
)
TRANSACTIONAL_DDL = Capability(
    name="DDL in a transaction",
    needed_by="writers",
    asked="a temporary table that is rolled back, on a server that is not the suite's own",
    hint="choose another --target: no revision could be undone there when it fails half-way",
)
CAPABILITIES = (
    IDENTIFIER,
    TRANSACTION,
    PRIMARY,
    ADVISORY_LOCKS,
    OWN_SESSION,
    ENOUGH_SESSIONS,
    ONE_SERVER,
    TRANSACTIONAL_DDL,
    CREATE_DATABASE,
    OWN_DATABASES,
)
_ASKED = (f"CASE WHEN {one.sql} THEN NULL ELSE '{one.name}' END" for one in CAPABILITIES if one.sql)
LACKING = f"pg_catalog.concat_ws(', ', {', '.join(_ASKED)})"
"""SQL for the names of what is told by SQL and is not there."""
