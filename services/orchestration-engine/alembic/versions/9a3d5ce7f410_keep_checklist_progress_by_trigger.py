"""keep checklist progress by trigger

The same arithmetic as orchestration.progress.

Revision ID: 9a3d5ce7f410
Revises: 72fe0b98d1a4
Create Date: 2026-04-14 17:03:51.926608
"""

from alembic import op

revision = "9a3d5ce7f410"
down_revision = "72fe0b98d1a4"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE OR REPLACE FUNCTION checklist_progress(items jsonb) RETURNS smallint
        LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
        AS $$
            SELECT coalesce(floor(100.0 * count(*) FILTER (WHERE item @> '{"done": true}') / nullif(count(*), 0)), 0)::smallint
            FROM jsonb_array_elements(items) AS item
            WHERE item @> '{"required": true}'
        $$
        """
    )
    op.execute(
        "COMMENT ON FUNCTION checklist_progress(jsonb) IS 'Percent of the required items that are done, rounded down.'"
    )
    op.execute(
        """
        CREATE OR REPLACE FUNCTION refresh_checklist_progress() RETURNS trigger
        LANGUAGE plpgsql
        AS $$
        BEGIN
            NEW.progress_percent := checklist_progress(NEW.items);
            RETURN NEW;
        END
        $$
        """
    )
    op.execute(
        """
        CREATE OR REPLACE TRIGGER filing_checklists_refresh_progress
            BEFORE INSERT OR UPDATE OF items ON filing_checklists
            FOR EACH ROW EXECUTE FUNCTION refresh_checklist_progress()
        """
    )


def downgrade() -> None:
    op.execute("DROP TRIGGER IF EXISTS filing_checklists_refresh_progress ON filing_checklists")
    op.execute("DROP FUNCTION IF EXISTS refresh_checklist_progress()")
    op.execute("DROP FUNCTION IF EXISTS checklist_progress(jsonb)")
