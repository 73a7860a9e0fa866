"""which archive is followed: a former one's figures count no longer."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change the schema."""
    op.add_column(
        "pacs_position",
        sa.Column("followed", sa.Boolean(), server_default=sa.true(), nullable=False),
    )


def downgrade() -> None:
    """Undo the change."""
    with op.batch_alter_table("pacs_position") as batch:
        batch.drop_column("followed")
