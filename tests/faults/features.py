"""For each fault 18-31 what to take out of aegisdb/, part by part, and the tests of its row that must then fail."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import indent

_APPLY = "workflows/migrate/test_apply.py::test_"
_ROLLBACK = "workflows/migrate/test_rollback.py::test_"
_ROUNDTRIP = "workflows/migrate/test_roundtrip.py::test_"
_VERIFY = "workflows/migrate/test_verify.py::test_"
_NEW = "workflows/migrate/test_new.py::test_"
_AROUND = "faults/test_surroundings.py::test_"
_REGISTRY = "registry/test_faults.py::test_"

_FAILS = f"{_APPLY}fault_18_a_failing_statement_is_named_and_earlier_revisions_stay"
_LONG = f"{_APPLY}fault_18_a_long_statement_is_cut_short"
_LEAVES = f"{_APPLY}fault_19_a_revision_that_leaves_is_noticed"
_DOWN_LEAVES = f"{_ROLLBACK}fault_19_a_downgrade_that_ends_its_transaction_needs_a_decision"
_DOWN_EXITS = f"{_ROLLBACK}fault_19_a_downgrade_that_leaves_is_noticed"
_BLOCK = f"{_APPLY}fault_19_commit_is_resolved_as_applied_and_a_block_of_alembic_s_is_no_fault"
_COST = f"{_ROLLBACK}the_cost_is_told_and_the_revision_reverted"
_BROKEN = f"{_ROUNDTRIP}a_broken_history_is_exit_6_naming_service_revision_and_object"
_FORGETS = f"{_ROUNDTRIP}what_a_downgrade_forgets_is_told_with_the_line_of_difference"
_RESTS = f"{_ROLLBACK}fault_22_what_another_service_rests_on_stays"
_LOST = "doctor/test_troubleshooting.py::test_cant_locate_revision"
_ROWS = f"{_AROUND}25_lost_and_doubled_version_rows_are_told_and_never_stamped"
_AHEAD = f"{_APPLY}faults_25_and_31_a_database_that_is_ahead_is_not_touched"
_SENSE = f"{_REGISTRY}a_service_that_makes_no_sense"
_AT_LOAD = "registry/test_commands.py::test_a_broken_registry_is_exit_2_with_its_place"
_CHANGE = f"{_NEW}fault_27_only_the_change_is_written"
_EVERYTHING = f"{_NEW}fault_27_a_service_that_claims_everything_gets_nothing_of_others"
_REMOVED = f"{_NEW}fault_27_a_removed_model_is_dropped_only_when_that_is_said"
_HISTORY = f"{_APPLY}fault_28_each_broken_history_names_its_files_and_the_others_are_applied"
_EDITED = f"{_VERIFY}an_edited_applied_revision_is_tampered_but_not_its_comments"
_BY_HAND = f"{_VERIFY}what_was_done_by_hand_is_told_by_owner_and_nothing_proposes_to_drop_it"
_FITS = f"{_VERIFY}fault_30_a_table_by_hand_that_a_pattern_fits_is_not_proposed_for_a_drop"


_ONE_TRANSACTION = """wished["transaction_per_migration"] = False
        self._side.stepper._release = lambda _context: None
"""
_RENDER = """        self.run(
            lambda _heads, _context: self.stepper.offline(request),
            as_sql=True,
            starting_rev=starting or None,
            destination_rev=None,
        )
"""


@dataclass(frozen=True)
class Mutation:
    """One part of one fault's feature, and how to take it out."""

    fault: int
    feature: str
    file: str
    """Below aegisdb/."""
    old: str
    """Stands there exactly once."""
    new: str
    tests: tuple[str, ...]
    """Below tests/, each named in the fault's row of docs/faults.md; all must fail, one set of parameters at least."""
    hangs: bool = False
    """Without the feature nothing ends, so that a test which is out of time has failed rightly."""

    def applied(self, text: str) -> str:
        """The file's text without the feature."""
        if text.count(self.old) != 1:
            raise ValueError(f"{self.file} has {text.count(self.old)} times: {self.old}")
        return text.replace(self.old, self.new)


MUTATIONS = (
    Mutation(
        18,
        "service and revision are named",
        "runtime/failures.py",
        "    return f'{history.service}: {revision.id} \"{revision.message}\"'\n",
        '    return "a revision"\n',
        (_FAILS,),
    ),
    Mutation(
        18,
        "the line of the file",
        "runtime/failures.py",
        """    where = f"{revision.path}:{failure.get('line') or revision.line}"\n""",
        "    where = str(revision.path)\n",
        (_FAILS,),
    ),
    Mutation(
        18,
        "the statement",
        "runtime/failures.py",
        'for line in failure.get("statement", "").splitlines() if line.strip()]',
        "for line in ()]",
        (_FAILS,),
    ),
    Mutation(
        18,
        "a long statement is cut",
        "runtime/failures.py",
        "    if len(lines) > _STATEMENT_LINES:\n",
        "    if False:\n",
        (_LONG,),
    ),
    Mutation(
        18,
        "SQLSTATE",
        "runtime/failures.py",
        '    if failure.get("sqlstate"):\n        return f" (SQLSTATE',
        '    if False:\n        return f" (SQLSTATE',
        (_FAILS,),
    ),
    Mutation(
        18,
        "the hint says how to go on",
        "runtime/failures.py",
        "or _fix(history, revision, verb)",
        'or ""',
        (_FAILS,),
    ),
    Mutation(
        18,
        "earlier revisions are kept",
        "runtime/worker/alembic_environment.py",
        'wished["transaction_per_migration"] = True\n',
        _ONE_TRANSACTION,
        (_FAILS,),
    ),
    Mutation(
        19,
        "apply: a revision that commits or rolls back is 5",
        "workflows/migrate/apply.py",
        "strict=True",
        "strict=False",
        (f"{_LEAVES}[commit]", f"{_LEAVES}[rollback]", _BLOCK),
    ),
    Mutation(
        19,
        "rollback: a downgrade that commits or rolls back is 5",
        "workflows/migrate/rollback.py",
        "strict=True",
        "strict=False",
        (_DOWN_LEAVES,),
    ),
    Mutation(
        19,
        "the end of the transaction is seen",
        "runtime/worker/transactions.py",
        "        self.ended = self.ended or ",
        "        self.ended = False and ",
        (f"{_LEAVES}[commit]", f"{_LEAVES}[rollback]", _DOWN_LEAVES),
    ),
    Mutation(
        19,
        "Alembic's own block is no fault",
        "runtime/worker/transactions.py",
        "        self._context.autocommit_block = self._around(block)\n",
        "        self._context.autocommit_block = block\n",
        (_BLOCK,),
    ),
    Mutation(
        19,
        "the row that tells what committed half-way",
        "runtime/handshake.py",
        '        "record": options.journal,\n',
        '        "record": False,\n',
        (f"{_LEAVES}[commit and exit]", f"{_LEAVES}[commit and fail]"),
    ),
    Mutation(
        19,
        "that row makes it 5",
        "runtime/backend.py",
        "        if left:\n            raise Dirty(",
        "        if False:\n            raise Dirty(",
        (f"{_LEAVES}[commit and exit]", f"{_LEAVES}[commit and fail]", f"{_LEAVES}[commit]"),
    ),
    Mutation(
        19,
        "sys.exit(0) is told as ended without being recorded",
        "runtime/worker/request_loop.py",
        "    if isinstance(error, SystemExit):\n",
        "    if False:\n",
        (f"{_LEAVES}[sys.exit]", f"{_DOWN_EXITS}[sys.exit]"),
    ),
    Mutation(
        19,
        "os._exit(0) is no success",
        "runtime/session.py",
        '            raise self._ended(worker, revision, request["op"]) from None\n',
        '            return {"ok": True, "checked": True, "seconds": 0.0, "rows": ()}\n',
        (f"{_LEAVES}[os._exit]",),
    ),
    Mutation(
        19,
        "a downgrade that does so leads to the rollback",
        "runtime/session.py",
        'raise self._ended(worker, revision, request["op"]) from None',
        'raise self._ended(worker, revision, "the step") from None',
        (f"{_DOWN_EXITS}[os._exit]",),
    ),
    Mutation(
        19,
        "--timeout stops what loops",
        "workflows/migrate/apply.py",
        "timeout=timeout or None",
        "timeout=None",
        (f"{_APPLY}fault_19_a_revision_that_never_ends_is_stopped_by_timeout",),
        hangs=True,
    ),
    Mutation(
        20,
        "a downgrade that fails ends the rollback with 1",
        "workflows/migrate/rollback.py",
        "        raise error.amended(result=result(stopped=True)) from None\n",
        "        return result(stopped=True)\n",
        (f"{_ROLLBACK}fault_20_a_failing_downgrade_is_named",),
    ),
    Mutation(
        20,
        "it says that the downgrade failed",
        "runtime/session.py",
        'named, answer.get("action", "the step"), self._address',
        'named, "the step", self._address',
        (f"{_ROLLBACK}fault_20_a_failing_downgrade_is_named",),
    ),
    Mutation(
        20,
        "and how to go on: with the rollback",
        "runtime/failures.py",
        "'rollback' if verb == 'downgrade' else 'apply'",
        "'apply'",
        (f"{_ROLLBACK}fault_20_a_failing_downgrade_is_named",),
    ),
    Mutation(
        20,
        "roundtrip: a downgrade that fails is a finding",
        "proofs/collector.py",
        "            self.add((failure(code, self._history, self._revision, error),))\n",
        "            del error\n",
        (f"{_ROUNDTRIP}a_downgrade_that_fails_does_not_keep_the_rest_from_being_proven",),
    ),
    Mutation(
        20,
        "roundtrip: what `pass` leaves behind or does not restore",
        "proofs/judgement.py",
        "        return tuple(findings), _remarks(changes)\n",
        "        return (), _remarks(changes)\n",
        (_BROKEN, _FORGETS),
    ),
    Mutation(
        20,
        "roundtrip: a finding is exit 6",
        "workflows/migrate/roundtrip.py",
        "        problems=(*_problems(found), *(",
        "        problems=(*(),  *(",
        (_BROKEN,),
    ),
    Mutation(
        20,
        "roundtrip: objects of other owners that changed",
        "proofs/judgement.py",
        "        return findings, notes if self._owners.claims else ()\n",
        "        return (), notes if self._owners.claims else ()\n",
        (f"{_ROUNDTRIP}objects_of_others_are_told_with_their_owner",),
    ),
    Mutation(
        20,
        "roundtrip: objects of other owners in a step that fails",
        "proofs/judgement.py",
        "        return foreign_acts(revision, direction, self._owners, self._service)\n",
        "        return ()\n",
        (f"{_ROUNDTRIP}a_table_of_another_service_that_cannot_even_be_dropped_is_named_with_its_owner",),
    ),
    Mutation(
        20,
        "rollback: tables and rows that it loses",
        "workflows/migrate/rollback.py",
        "        return losses(conn, dropped)\n",
        "        return ()\n",
        (_COST,),
    ),
    Mutation(
        20,
        "rollback: that is told first",
        "workflows/migrate/rollback.py",
        "            _tell(ws, losses)\n",
        "",
        (_COST,),
    ),
    Mutation(
        20,
        "rollback: also where the SQL cannot be rendered",
        "workflows/migrate/rollback.py",
        "            return dropped_by_source(self.down, self.history.schema)\n",
        "            return ()\n",
        (f"{_ROLLBACK}fault_20_the_cost_of_a_downgrade_that_reads_is_told_too",),
    ),
    Mutation(
        20,
        "roundtrip --with-data: rows that do not come back",
        "proofs/data_proof.py",
        "        if table in between.rows\n    )\n",
        "        if False\n    )\n",
        (f"{_ROUNDTRIP}rows_that_do_not_come_back_are_counted_by_table",),
    ),
    Mutation(
        20,
        "roundtrip --with-data: a step that full tables stop",
        "proofs/data_proof.py",
        '            return replace(describe(history, revision, "failed"), findings=(finding,))\n',
        '            return describe(history, revision, "failed" if finding else "proven")\n',
        (f"{_ROUNDTRIP}full_tables_find_what_empty_ones_hide",),
    ),
    Mutation(
        21,
        "a foreign key that is gone is told as that",
        "workflows/migrate/verify.py",
        '    if change.kind == "removed" and change.before.startswith("FOREIGN KEY"):\n',
        "    if False:\n",
        (f"{_VERIFY}cascade_through_another_service_is_a_lost_foreign_key",),
    ),
    Mutation(
        21,
        "with both services",
        "workflows/migrate/verify.py",
        '    message = f"{owner}: {change.object} to {target}{whose} is gone: {change.before}"\n',
        '    message = f"a foreign key is gone{whose[:0]}"\n',
        (f"{_VERIFY}cascade_through_another_service_is_a_lost_foreign_key",),
    ),
    Mutation(
        22,
        "the refusal",
        "applied/dependents.py",
        "    if not found:\n        return\n",
        "    if not found or True:\n        return\n",
        (_RESTS,),
    ),
    Mutation(
        22,
        "the order in which it would go",
        "applied/dependents.py",
        '        hint=f"roll back first: {_command(first, listed, histories)}",\n',
        '        hint=f"roll back {first} first",\n',
        (_RESTS,),
    ),
    Mutation(
        22,
        "a view rests on it, too",
        "applied/dependents.py",
        "FROM gone g JOIN pg_depend d ON ",
        "FROM gone g JOIN pg_depend d ON false AND ",
        (f"{_ROLLBACK}fault_22_a_view_of_another_service_rests_on_a_column",),
    ),
    Mutation(
        23,
        "each revision commits by itself, so COMMIT fails on the right one",
        "runtime/worker/alembic_environment.py",
        'wished["transaction_per_migration"] = True\n',
        _ONE_TRANSACTION,
        (f"{_APPLY}fault_23_a_deferred_constraint_fails_on_its_own_revision",),
    ),
    Mutation(
        23,
        "the hint about a new enum value",
        "runtime/failures.py",
        '    "55P04": ',
        '    "00000": ',
        (f"{_APPLY}fault_23_an_enum_value_used_too_early_gets_a_hint",),
    ),
    Mutation(
        24,
        "rows of a rendered statement are refused",
        "runtime/worker/offline_connection.py",
        "    def __iter__(self) -> Any:\n        raise reads_data(self._script)\n",
        "    def __iter__(self) -> Any:\n        return iter(())\n",
        (f"{_AROUND}24_a_revision_that_reads_is_not_rendered_and_no_half_of_it_printed",),
    ),
    Mutation(
        24,
        "whatever else reads is refused",
        "runtime/worker/offline_connection.py",
        "whatever else a real connection has\n        raise reads_data(self._script)\n",
        "whatever else a real connection has\n        return lambda *_, **__: None\n",
        ("runtime/test_session.py::test_fault_24_a_revision_that_reads_is_not_rendered",),
    ),
    Mutation(
        24,
        "no half of a script",
        "runtime/worker/alembic_environment.py",
        _RENDER,
        f"        from contextlib import suppress\n\n        with suppress(Refusal):\n{indent(_RENDER, '    ')}",
        (f"{_AROUND}24_a_revision_that_reads_is_not_rendered_and_no_half_of_it_printed",),
    ),
    Mutation(
        25,
        "a revision that no file has",
        "applied/status.py",
        "    if unknown and last is not None:\n",
        "    if False:\n",
        (_AHEAD,),
    ),
    Mutation(
        25,
        "its candidates in git",
        "applied/missing_revisions.py",
        "    commits = _commits(history, revision)\n",
        "    commits = ()\n",
        (f"{_APPLY}fault_25_the_branch_that_has_the_file_is_named",),
    ),
    Mutation(
        25,
        "its candidates in the journal",
        "applied/missing_revisions.py",
        '(("the journal has its source",) if revision in journaled else ())',
        "()",
        (_AHEAD,),
    ),
    Mutation(
        25,
        "doctor: its file in git",
        "doctor/missing_revisions.py",
        "        one = _in_git(patient, shelf, identifier) or _in_journal(patient, shelf, identifier)\n",
        "        one = _in_journal(patient, shelf, identifier)\n",
        (_LOST,),
    ),
    Mutation(
        25,
        "doctor: its file in the journal",
        "doctor/missing_revisions.py",
        "        one = _in_git(patient, shelf, identifier) or _in_journal(patient, shelf, identifier)\n",
        "        one = _in_git(patient, shelf, identifier)\n",
        (_LOST,),
    ),
    Mutation(
        25,
        "rows that are missing",
        "applied/version_faults.py",
        "    return _doubled(history, rows) if rows else _lost(last, history)\n",
        "    return _doubled(history, rows) if rows else None\n",
        (f"{_ROWS}[no row]", f"{_ROWS}[no table]"),
    ),
    Mutation(
        25,
        "two rows",
        "applied/version_faults.py",
        "    return _doubled(history, rows) if rows else _lost(last, history)\n",
        "    return None if rows else _lost(last, history)\n",
        (f"{_ROWS}[two rows]",),
    ),
    Mutation(
        26,
        "two services with one version table",
        "registry/cross_references.py",
        '        if other != name:\n            message = f"{table} is already the version table',
        '        if False:\n            message = f"{table} is already the version table',
        (_SENSE, _AT_LOAD),
    ),
    Mutation(
        26,
        "a table that two services name",
        "registry/cross_references.py",
        "        if other != service:\n            yield _two_owners(key, claim, other, claim)\n",
        "        if False:\n            yield _two_owners(key, claim, other, claim)\n",
        (_SENSE, _AT_LOAD),
    ),
    Mutation(
        26,
        "a table that another service's pattern fits",
        "registry/cross_references.py",
        "            if other != service and pattern != claim and fnmatchcase(claim, pattern):\n",
        "            if False:\n",
        (_SENSE,),
    ),
    Mutation(
        26,
        "a version table that only env.py names",
        "runtime/worker/alembic_environment.py",
        '        if table != self.opening["version_table"]:\n',
        "        if False:\n",
        (f"{_APPLY}an_env_py_with_its_own_version_table_is_refused",),
    ),
    Mutation(
        27,
        "tables of other owners are not dropped",
        "runtime/worker/autogenerate_filter.py",
        "for pattern in self._patterns)\n",
        'for pattern in (*self._patterns, "*"))\n',
        (_CHANGE,),
    ),
    Mutation(
        27,
        "tables of other owners in the models are not made",
        "runtime/worker/autogenerate_filter.py",
        '                if not self.owns(name or "", item.schema):\n',
        "                if False:\n",
        (_CHANGE,),
    ),
    Mutation(
        27,
        "version tables",
        "runtime/worker/autogenerate_filter.py",
        "        if table in self._version_tables:\n",
        "        if False:\n",
        (_EVERYTHING,),
    ),
    Mutation(
        27,
        "ag_catalog and the side schema",
        "runtime/worker/autogenerate_filter.py",
        '            if type_ == "schema" and (name in _FOREIGN_SCHEMAS or name not in self._schemas):\n',
        "            if False:\n",
        (_EVERYTHING,),
    ),
    Mutation(
        27,
        "an own table whose model was removed still is dropped",
        "runtime/worker/autogenerate_filter.py",
        "        if not self._patterns:\n",
        "        if self._patterns:\n",
        (_REMOVED,),
    ),
    Mutation(
        27,
        "only when that is said",
        "workflows/migrate/new.py",
        "        if draft.drops and not options.allow_drop:\n",
        "        if False:\n",
        (_REMOVED,),
    ),
    Mutation(
        28,
        "two heads",
        "applied/status.py",
        "    if len(branches) >= len(heads):",
        "    if True:",
        (f"{_APPLY}fault_28_two_heads_name_both_files",),
    ),
    Mutation(
        28,
        "duplicate id",
        "revisions/revision_map.py",
        "        if other is not revision:\n",
        "        if False:\n",
        (
            f"{_HISTORY}[duplicate id]",
            "revisions/test_history.py::test_faults_name_both_files",
            "revisions/test_load.py::test_a_copied_file_is_a_duplicate_naming_both",
        ),
    ),
    Mutation(
        28,
        "missing parent",
        "revisions/revision_map.py",
        "    by_id = {identifier: _resolved(revision, by_id) for identifier, revision in by_id.items()}\n",
        "    from dataclasses import replace\n\n"
        "    by_id = {i: replace(r, down=tuple(d for d in r.down if d in by_id)) for i, r in by_id.items()}\n",
        (
            f"{_HISTORY}[missing parent]",
            f"{_APPLY}fault_28_a_broken_history_does_not_stop_the_others",
            "revisions/test_history.py::test_faults_name_both_files",
        ),
    ),
    Mutation(
        28,
        "cycle",
        "revisions/revision_map.py",
        "    if len(placed) < len(by_id):\n",
        "    if False:\n",
        (f"{_HISTORY}[cycle]", "revisions/test_history.py::test_faults_name_both_files"),
    ),
    Mutation(
        28,
        "syntax error",
        "revisions/cache.py",
        '"__init__")):\n                try:\n',
        '"__init__")):\n                import ast\n\n                try:\n'
        '                    with open(entry.path, "rb") as file:\n                        ast.parse(file.read())\n'
        "                except SyntaxError:\n                    continue\n                try:\n",
        (f"{_HISTORY}[syntax error]",),
    ),
    Mutation(
        28,
        "stray file",
        "revisions/cache.py",
        '            if name.endswith(".py") and not name.startswith((".#", "__init__")):\n',
        '            if name.endswith(".py") and b"revision" in open(entry.path, "rb").read():\n',
        (f"{_HISTORY}[stray file]",),
    ),
    Mutation(
        28,
        "files that contradict each other do not stop the other services",
        "revisions/load.py",
        "                found[name] = error\n",
        "                raise error\n",
        (_HISTORY, f"{_APPLY}fault_28_a_broken_history_does_not_stop_the_others"),
    ),
    Mutation(
        28,
        "two heads do not stop the other services",
        "workflows/migrate/apply.py",
        "        if standings[name].problem is not None:\n            continue\n",
        "        if standings[name].problem is not None:\n            break\n",
        (f"{_APPLY}fault_28_two_heads_name_both_files",),
    ),
    Mutation(
        29,
        "an edited applied file",
        "drift/tampering.py",
        "        if changed:\n",
        "        if False:\n",
        (_EDITED,),
    ),
    Mutation(
        29,
        "its comments do not count",
        "revisions/parse.py",
        "        digest=code.digest,\n",
        "        digest=hashlib.sha256(source if isinstance(source, bytes) else source.encode()).hexdigest(),\n",
        (_EDITED,),
    ),
    Mutation(
        30,
        "the difference",
        "drift/schema_drift.py",
        "    changes = [c for c in diff(expected, live) if not c.is_remark and not owners.is_version_table(c)]\n",
        "    changes = list(diff(live, live))\n",
        (_BY_HAND, _FITS),
    ),
    Mutation(
        30,
        "verify: no drop in the hint",
        "workflows/migrate/verify.py",
        '    hint = "a table or object made by hand: put it into a revision of its owner" if owner == NOBODY else ""\n',
        '    hint = f"DROP {change.object}" if owner == NOBODY else ""\n',
        (_BY_HAND,),
    ),
    Mutation(
        30,
        "verify: models are not compared with the live database",
        "models/both_sides.py",
        "        self.head = schema_at_head(ws)\n",
        "        with ws.connect() as conn:\n            self.head = read(conn)\n",
        (_FITS,),
    ),
    Mutation(
        30,
        "new: models are not compared with the live database",
        "models/drafting.py",
        'label="new") as address:\n',
        'label="new"):\n        address = ws.address()\n',
        (_FITS,),
    ),
    Mutation(
        31,
        "ahead, not just unknown",
        "applied/missing_revisions.py",
        "    ahead = _ahead(history, journaled, revision)\n",
        "    ahead = 0\n",
        (_AHEAD,),
    ),
    Mutation(
        31,
        "by how many",
        "applied/status.py",
        '    what = f" is ahead by {ahead}" if code == "ahead" else ""\n',
        '    what = " is ahead" if code == "ahead" else ""\n',
        (_AHEAD,),
    ),
    Mutation(
        31,
        "nothing is downgraded from there",
        "workflows/migrate/apply.py",
        '    if standings[service].state not in {"several heads", *tolerated}:\n',
        "    if False:\n",
        (f"{_ROLLBACK}fault_31_nothing_is_downgraded_where_the_database_is_ahead",),
    ),
)
"""Who changes a line of aegisdb/ that stands here as text changes it here, too: test_without.py says so."""
