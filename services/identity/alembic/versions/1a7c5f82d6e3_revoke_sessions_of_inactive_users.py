"""revoke sessions of users that stop being active

In the database, because three services suspend accounts.

Revision ID: 1a7c5f82d6e3
Revises: e95d63b18a20
Create Date: 2026-04-02 08:57:44.911530
"""

from alembic import op

revision = "1a7c5f82d6e3"
down_revision = "e95d63b18a20"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE OR REPLACE FUNCTION revoke_sessions_of_inactive_user() RETURNS trigger
        LANGUAGE plpgsql
        AS $$
        BEGIN
            UPDATE user_sessions SET revoked_at = now() WHERE user_id = NEW.id AND revoked_at IS NULL;
            RETURN NULL;
        END
        $$
        """
    )
    op.execute(
        "COMMENT ON FUNCTION revoke_sessions_of_inactive_user() IS 'Row trigger: a suspended user is logged out.'"
    )
    op.execute(
        """
        CREATE OR REPLACE TRIGGER users_revoke_sessions
            AFTER UPDATE OF status ON users
            FOR EACH ROW
            WHEN (OLD.status = 'active' AND NEW.status <> 'active')
            EXECUTE FUNCTION revoke_sessions_of_inactive_user()
        """
    )


def downgrade() -> None:
    op.execute("DROP TRIGGER IF EXISTS users_revoke_sessions ON users")
    op.execute("DROP FUNCTION IF EXISTS revoke_sessions_of_inactive_user()")
