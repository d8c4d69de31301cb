"""index chunk embeddings with hnsw

Revision ID: c15d90f3e7a4
Revises: 8a47e5b2c610
Create Date: 2026-03-17 08:40:00
"""

from alembic import op

revision = "c15d90f3e7a4"
down_revision = "8a47e5b2c610"
branch_labels = None
depends_on = None


NAME = "idx_chunks_embedding_hnsw"


def upgrade() -> None:
    # CONCURRENTLY cannot run in a transaction; the table stays writable meanwhile
    with op.get_context().autocommit_block():
        # an attempt that died leaves an INVALID index, which IF NOT EXISTS would take for the real one
        op.execute(
            f"""
            DO $$
            BEGIN
                IF EXISTS (SELECT FROM pg_index WHERE indexrelid = to_regclass('{NAME}') AND NOT indisvalid) THEN
                    DROP INDEX {NAME};
                END IF;
            END
            $$
            """
        )
        op.execute(
            f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {NAME} ON chunks "
            "USING hnsw (embedding vector_cosine_ops) WITH (m = 16, ef_construction = 64)"
        )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {NAME}")
