"""For each fault 18-31 what to take out of aegisdb/, part by part, and the tests of its row that must then fail."""

from __future__ import annotations

from tests.faults.mutants import Mutation, always, answers, argument, call, first, instead, never, swap, text

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
_ONE_TRANSACTION = (
    argument("transaction_per_migration", "False"),
    first("self._side.stepper._release = lambda _context: None"),
)
_RESOLVED = """from dataclasses import replace
by_id = {i: replace(r, down=tuple(d for d in r.down if d in by_id)) for i, r in by_id.items()}
"""
_PARSES = """def parses(path):
    import ast

    try:
        if path.endswith(".py"):
            with open(path, "rb") as file:
                ast.parse(file.read())
    except SyntaxError:
        return False
    return True
"""
_UP_TO_A_PROBLEM = """from itertools import takewhile
order = [name for name in service_order(ws.registry, good) if name in standings]
order = list(takewhile(lambda name: standings[name].problem is None, order))
"""
_SUPPRESSED = """from contextlib import suppress

with suppress(Refusal):
    self.run(
        lambda _heads, _context: self.stepper.offline(request),
        as_sql=True,
        starting_rev=starting or None,
        destination_rev=None,
    )
"""


MUTATIONS = (
    Mutation(18, "service and revision are named", "runtime/failures.py:_named", (answers('"a revision"'),), (_FAILS,)),
    Mutation(
        18,
        "the line of the file",
        "runtime/failures.py:revision_error",
        (swap('failure.get("line") or revision.line', '""'),),
        (_FAILS,),
    ),
    Mutation(
        18, "the statement", "runtime/failures.py:_details", (swap('failure.get("statement", "")', '""'),), (_FAILS,)
    ),
    Mutation(18, "a long statement is cut", "runtime/failures.py:_details", (never("_STATEMENT_LINES"),), (_LONG,)),
    Mutation(18, "SQLSTATE", "runtime/failures.py:_error_name", (never("sqlstate"),), (_FAILS,)),
    Mutation(18, "the hint says how to go on", "runtime/failures.py:_fix", (answers('""'),), (_FAILS,)),
    Mutation(
        18,
        "earlier revisions are kept",
        "runtime/worker/alembic_environment.py:GuardedEnvironment.configure",
        _ONE_TRANSACTION,
        (_FAILS,),
    ),
    Mutation(
        19,
        "apply: a revision that commits or rolls back is 5",
        "workflows/migrate/apply.py:_apply",
        (argument("strict", "False"),),
        (f"{_LEAVES}[commit]", f"{_LEAVES}[rollback]", _BLOCK),
    ),
    Mutation(
        19,
        "rollback: a downgrade that commits or rolls back is 5",
        "workflows/migrate/rollback.py:_revert",
        (argument("strict", "False"),),
        (_DOWN_LEAVES,),
    ),
    Mutation(
        19,
        "the end of the transaction is seen",
        "runtime/worker/transactions.py:Transactions.ends",
        (swap("self.ended or transaction != self.begun", "False"),),
        (f"{_LEAVES}[commit]", f"{_LEAVES}[rollback]", _DOWN_LEAVES),
    ),
    Mutation(
        19,
        "Alembic's own block is no fault",
        "runtime/worker/transactions.py:Transactions.watched",
        (call("_around", "block"),),
        (_BLOCK,),
    ),
    Mutation(
        19,
        "the row that tells what committed half-way",
        "runtime/handshake.py:opening",
        (argument("record", "False"),),
        (f"{_LEAVES}[commit and exit]", f"{_LEAVES}[commit and fail]"),
    ),
    Mutation(
        19,
        "that row makes it 5",
        "runtime/backend.py:Backend.raise_unless_clean",
        (never("left"),),
        (f"{_LEAVES}[commit and exit]", f"{_LEAVES}[commit and fail]", f"{_LEAVES}[commit]"),
    ),
    Mutation(
        19,
        "sys.exit(0) is told as ended without being recorded",
        "runtime/worker/request_loop.py:_failure",
        (never("SystemExit"),),
        (f"{_LEAVES}[sys.exit]", f"{_DOWN_EXITS}[sys.exit]"),
    ),
    Mutation(
        19,
        "os._exit(0) is no success",
        "runtime/session.py:Session._ask",
        (instead("ended", 'return {"ok": True, "checked": True, "seconds": 0.0, "rows": ()}'),),
        (f"{_LEAVES}[os._exit]",),
    ),
    Mutation(
        19,
        "a downgrade that does so leads to the rollback",
        "runtime/session.py:Session._ask",
        (swap('request["op"]', '"the step"'),),
        (f"{_DOWN_EXITS}[os._exit]",),
    ),
    Mutation(
        19,
        "--timeout stops what loops",
        "workflows/migrate/apply.py:_apply",
        (argument("timeout", "None"),),
        (f"{_APPLY}fault_19_a_revision_that_never_ends_is_stopped_by_timeout",),
        hangs=True,
    ),
    Mutation(
        20,
        "a downgrade that fails ends the rollback with 1",
        "workflows/migrate/rollback.py:_run",
        (instead("amended", "return result(stopped=True)"),),
        (f"{_ROLLBACK}fault_20_a_failing_downgrade_is_named",),
    ),
    Mutation(
        20,
        "it says that the downgrade failed",
        "runtime/step_errors.py:StepErrors.answered",
        (swap('answer.get("action", "the step")', '"the step"'),),
        (f"{_ROLLBACK}fault_20_a_failing_downgrade_is_named",),
    ),
    Mutation(
        20,
        "and how to go on: with the rollback",
        "runtime/failures.py:_next",
        (never("downgrade"),),
        (f"{_ROLLBACK}fault_20_a_failing_downgrade_is_named",),
    ),
    Mutation(
        20,
        "roundtrip: a downgrade that fails is a finding",
        "proofs/collector.py:Report._try",
        (instead("failure", "pass"),),
        (f"{_ROUNDTRIP}a_downgrade_that_fails_does_not_keep_the_rest_from_being_proven",),
    ),
    Mutation(
        20,
        "roundtrip: what `pass` leaves behind or does not restore",
        "proofs/judgement.py:Judge.undone",
        (swap("tuple(findings)", "()"),),
        (_BROKEN, _FORGETS),
    ),
    Mutation(
        20,
        "roundtrip: a finding is exit 6",
        "workflows/migrate/roundtrip.py:roundtrip",
        (call("problems_of", "()"),),
        (_BROKEN,),
    ),
    Mutation(
        20,
        "roundtrip: objects of other owners that changed",
        "proofs/judgement.py:Judge.blast_radius",
        (instead("_unowned", "return (), tuple(self._unowned(unowned))"),),
        (f"{_ROUNDTRIP}objects_of_others_are_told_with_their_owner",),
    ),
    Mutation(
        20,
        "roundtrip: objects of other owners in a step that fails",
        "proofs/judgement.py:Judge.named",
        (answers("()"),),
        (f"{_ROUNDTRIP}a_table_of_another_service_that_cannot_even_be_dropped_is_named_with_its_owner",),
    ),
    Mutation(
        20,
        "rollback: tables and rows that it loses",
        "workflows/migrate/rollback.py:_Job.losses",
        (call("losses", "()"),),
        (_COST,),
    ),
    Mutation(
        20,
        "rollback: that is told first",
        "workflows/migrate/rollback.py:_revert",
        (instead("_tell", "pass"),),
        (_COST,),
    ),
    Mutation(
        20,
        "rollback: also where the SQL cannot be rendered",
        "workflows/migrate/rollback.py:_Job._dropped",
        (call("dropped_by_source", "()"),),
        (f"{_ROLLBACK}fault_20_the_cost_of_a_downgrade_that_reads_is_told_too",),
    ),
    Mutation(
        20,
        "roundtrip --with-data: rows that do not come back",
        "proofs/data_proof.py:judge",
        (never("between"),),
        (f"{_ROUNDTRIP}rows_that_do_not_come_back_are_counted_by_table",),
    ),
    Mutation(
        20,
        "roundtrip --with-data: a step that full tables stop",
        "proofs/data_proof.py:DataProver._one",
        (argument("findings", "()"),),
        (f"{_ROUNDTRIP}full_tables_find_what_empty_ones_hide",),
    ),
    Mutation(
        21,
        "a foreign key that is gone is told as that",
        "workflows/migrate/verify_problems.py:drift_problem",
        (never("FOREIGN KEY"),),
        (f"{_VERIFY}cascade_through_another_service_is_a_lost_foreign_key",),
    ),
    Mutation(
        21,
        "with both services",
        "workflows/migrate/verify_problems.py:_lost_foreign_key",
        (argument("message", '"a foreign key is gone"'),),
        (f"{_VERIFY}cascade_through_another_service_is_a_lost_foreign_key",),
    ),
    Mutation(22, "the refusal", "applied/dependents.py:refuse_dependents", (always("found"),), (_RESTS,)),
    Mutation(
        22,
        "the order in which it would go",
        "applied/dependents.py:refuse_dependents",
        (call("_command", '""'),),
        (_RESTS,),
    ),
    Mutation(
        22,
        "a view rests on it, too",
        "applied/dependents.py:",
        (text("FROM gone g JOIN pg_depend d ON ", "FROM gone g JOIN pg_depend d ON false AND "),),
        (f"{_ROLLBACK}fault_22_a_view_of_another_service_rests_on_a_column",),
    ),
    Mutation(
        23,
        "each revision commits by itself, so COMMIT fails on the right one",
        "runtime/worker/alembic_environment.py:GuardedEnvironment.configure",
        _ONE_TRANSACTION,
        (f"{_APPLY}fault_23_a_deferred_constraint_fails_on_its_own_revision",),
    ),
    Mutation(
        23,
        "the hint about a new enum value",
        "runtime/failures.py:",
        (text("55P04", "00000"),),
        (f"{_APPLY}fault_23_an_enum_value_used_too_early_gets_a_hint",),
    ),
    Mutation(
        24,
        "rows of a rendered statement are refused",
        "runtime/worker/offline_connection.py:_NoRows.__iter__",
        (answers("iter(())"),),
        (f"{_AROUND}24_a_revision_that_reads_is_not_rendered_and_no_half_of_it_printed",),
    ),
    Mutation(
        24,
        "whatever else reads is refused",
        "runtime/worker/offline_connection.py:OfflineConnection.__getattr__",
        (instead("reads_data", "return lambda *_, **__: None"),),
        ("runtime/test_session.py::test_fault_24_a_revision_that_reads_is_not_rendered",),
    ),
    Mutation(
        24,
        "no half of a script",
        "runtime/worker/alembic_environment.py:AlembicSide.render",
        (instead("run", _SUPPRESSED),),
        (f"{_AROUND}24_a_revision_that_reads_is_not_rendered_and_no_half_of_it_printed",),
    ),
    Mutation(
        25,
        "a revision that no file has",
        "applied/status.py:_standing",
        (swap("unknown and last is not None", "False"),),
        (_AHEAD,),
    ),
    Mutation(
        25,
        "its candidates in git",
        "applied/missing_revisions.py:_commits",
        (answers("()"),),
        (f"{_APPLY}fault_25_the_branch_that_has_the_file_is_named",),
    ),
    Mutation(
        25, "its candidates in the journal", "applied/missing_revisions.py:find_lost", (never("journaled"),), (_AHEAD,)
    ),
    Mutation(
        25, "doctor: its file in git", "doctor/missing_revisions.py:find_files", (call("_in_git", "None"),), (_LOST,)
    ),
    Mutation(
        25,
        "doctor: its file in the journal",
        "doctor/missing_revisions.py:find_files",
        (call("_in_journal", "None"),),
        (_LOST,),
    ),
    Mutation(
        25,
        "rows that are missing",
        "applied/version_faults.py:_lost",
        (answers("None"),),
        (f"{_ROWS}[no row]", f"{_ROWS}[no table]"),
    ),
    Mutation(25, "two rows", "applied/version_faults.py:_doubled", (answers("None"),), (f"{_ROWS}[two rows]",)),
    Mutation(
        26,
        "two services with one version table",
        "registry/cross_references.py:_version_tables",
        (never("other"),),
        (_SENSE, _AT_LOAD),
    ),
    Mutation(
        26,
        "a table that two services name",
        "registry/cross_references.py:_owners",
        (swap("names.setdefault(claim, service)", "service"),),
        (_SENSE, _AT_LOAD),
    ),
    Mutation(
        26,
        "a table that another service's pattern fits",
        "registry/cross_references.py:_owners",
        (never("fnmatchcase"),),
        (_SENSE,),
    ),
    Mutation(
        26,
        "a version table that only env.py names",
        "runtime/worker/guard.py:settle_version_table",
        (never("opening"),),
        (f"{_APPLY}an_env_py_with_its_own_version_table_is_refused",),
    ),
    Mutation(
        27,
        "tables of other owners are not dropped",
        "runtime/worker/autogenerate_filter.py:Filter.owns",
        (swap("fnmatchcase(table, pattern)", "True"),),
        (_CHANGE,),
    ),
    Mutation(
        27,
        "tables of other owners in the models are not made",
        "runtime/worker/autogenerate_filter.py:Filter.object_hook.include_object",
        (never("owns"),),
        (f"{_NEW}nothing_is_written_when_models_and_history_agree",),
    ),
    Mutation(
        27,
        "version tables",
        "runtime/worker/autogenerate_filter.py:Filter.owns",
        (never("_version_tables"),),
        (_EVERYTHING,),
    ),
    Mutation(
        27,
        "ag_catalog and the side schema",
        "runtime/worker/autogenerate_filter.py:Filter.name_hook.include_name",
        (never("_FOREIGN_SCHEMAS"),),
        (_EVERYTHING,),
    ),
    Mutation(
        27,
        "an own table whose model was removed still is dropped",
        "runtime/worker/autogenerate_filter.py:Filter.owns",
        (swap("not self._patterns", "self._patterns"),),
        (_REMOVED,),
    ),
    Mutation(27, "only when that is said", "workflows/migrate/new.py:_drafted", (never("allow_drop"),), (_REMOVED,)),
    Mutation(
        28,
        "two heads",
        "applied/status.py:several_heads",
        (always("branches"),),
        (f"{_APPLY}fault_28_two_heads_name_both_files",),
    ),
    Mutation(
        28,
        "duplicate id",
        "revisions/revision_map.py:arrange",
        (never("other"),),
        (
            f"{_HISTORY}[duplicate id]",
            "revisions/test_history.py::test_faults_name_both_files",
            "revisions/test_load.py::test_a_copied_file_is_a_duplicate_naming_both",
        ),
    ),
    Mutation(
        28,
        "missing parent",
        "revisions/revision_map.py:arrange",
        (instead("_resolved", _RESOLVED),),
        (
            f"{_HISTORY}[missing parent]",
            f"{_APPLY}fault_28_a_broken_history_does_not_stop_the_others",
            "revisions/test_history.py::test_faults_name_both_files",
        ),
    ),
    Mutation(
        28,
        "cycle",
        "revisions/revision_map.py:_parents_first",
        (instead("_raise_cycle", "pass"),),
        (f"{_HISTORY}[cycle]", "revisions/test_history.py::test_faults_name_both_files"),
    ),
    Mutation(
        28,
        "syntax error",
        "revisions/cache.py:Listing._look",
        (
            first(_PARSES),
            call("sorted", "[one for one in sorted(os.listdir(handle)) if parses(inside + one)]"),
        ),
        (f"{_HISTORY}[syntax error]",),
    ),
    Mutation(
        28,
        "stray file",
        "revisions/cache.py:Listing._look",
        (swap('not name.startswith((".#", "__init__"))', 'b"revision" in open(inside + name, "rb").read()'),),
        (f"{_HISTORY}[stray file]",),
    ),
    Mutation(
        28,
        "files that contradict each other do not stop the other services",
        "revisions/load.py:read_histories",
        (instead("error", "raise error"),),
        (_HISTORY, f"{_APPLY}fault_28_a_broken_history_does_not_stop_the_others"),
    ),
    Mutation(
        28,
        "two heads do not stop the other services",
        "workflows/migrate/pending.py:plan_apply",
        (instead("service_order", _UP_TO_A_PROBLEM),),
        (f"{_APPLY}fault_28_two_heads_name_both_files",),
    ),
    Mutation(29, "an edited applied file", "drift/tampering.py:tampered", (never("changed"),), (_EDITED,)),
    Mutation(
        29,
        "its comments do not count",
        "revisions/parse.py:scan_source",
        (argument("digest", "hashlib.sha256(source if isinstance(source, bytes) else source.encode()).hexdigest()"),),
        (_EDITED,),
    ),
    Mutation(30, "the difference", "drift/schema_drift.py:_compared", (call("diff", "()"),), (_BY_HAND, _FITS)),
    Mutation(
        30,
        "verify: no drop in the hint",
        "workflows/migrate/verify_problems.py:drift_problem",
        (text("a table or object made by hand", "DROP TABLE"),),
        (_BY_HAND,),
    ),
    Mutation(
        30,
        "verify: models are not compared with the live database",
        "models/both_sides.py:BothSides.__init__",
        (swap("schema_at_head(ws, source)", "read(ws.connect())"),),
        (_FITS,),
    ),
    Mutation(
        30,
        "new: models are not compared with the live database",
        "models/drafting.py:drafting",
        (swap("at_head()", "ws.address()"),),
        (_FITS,),
    ),
    Mutation(31, "ahead, not just unknown", "applied/missing_revisions.py:_ahead", (answers("0"),), (_AHEAD,)),
    Mutation(
        31, "by how many", "applied/status.py:_unknown", (swap('f" is ahead by {ahead}"', '" is ahead"'),), (_AHEAD,)
    ),
    Mutation(
        31,
        "nothing is downgraded from there",
        "workflows/migrate/pending.py:judge",
        (never("several heads"),),
        (f"{_ROLLBACK}fault_31_nothing_is_downgraded_where_the_database_is_ahead",),
    ),
)
