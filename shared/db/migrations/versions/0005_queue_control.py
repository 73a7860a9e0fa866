"""queues that an operator may pause."""

import sqlalchemy as sa
from alembic import op

import shared.db.declarative

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change the schema."""
    op.create_table(
        "queue_control",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("paused_at", shared.db.declarative.UtcDateTime(timezone=True), nullable=True),
        sa.Column("paused_by", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_queue_control")),
    )


def downgrade() -> None:
    """Undo the change."""
    op.drop_table("queue_control")
