"""scales that site rules give for a job's images."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change the schema."""
    op.add_column("job", sa.Column("scales", sa.JSON(), server_default="{}", nullable=False))


def downgrade() -> None:
    """Undo the change."""
    with op.batch_alter_table("job") as batch:
        batch.drop_column("scales")
