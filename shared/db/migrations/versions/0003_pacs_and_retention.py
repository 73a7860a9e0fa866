"""what the reconciler remembers; what retention removed has no spool key."""

import sqlalchemy as sa
from alembic import op

import shared.db.declarative

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change the schema."""
    op.create_table(
        "pacs_position",
        sa.Column("pacs", sa.String(), nullable=False),
        sa.Column("change", sa.Integer(), nullable=False),
        sa.Column("compared_at", shared.db.declarative.UtcDateTime(timezone=True), nullable=True),
        sa.Column("seen_at", shared.db.declarative.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("pacs", name=op.f("pk_pacs_position")),
    )
    op.create_table(
        "pacs_instance",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("pacs", sa.String(), nullable=False),
        sa.Column("pacs_id", sa.String(), nullable=False),
        sa.Column("due_at", shared.db.declarative.UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pacs_instance")),
        sa.UniqueConstraint("pacs", "pacs_id", name=op.f("uq_pacs_instance_pacs_pacs_id")),
    )
    op.create_index(op.f("ix_pacs_instance_due_at"), "pacs_instance", ["due_at"], unique=False)
    _let_keys_be_null(nullable=True)


def downgrade() -> None:
    """Undo the change."""
    _let_keys_be_null(nullable=False)
    op.drop_index(op.f("ix_pacs_instance_due_at"), table_name="pacs_instance")
    op.drop_table("pacs_instance")
    op.drop_table("pacs_position")


def _let_keys_be_null(*, nullable: bool) -> None:
    for table in ("quarantined_instance", "result"):
        with op.batch_alter_table(table) as batch:
            batch.alter_column("spool_key", existing_type=sa.String(), nullable=nullable)
