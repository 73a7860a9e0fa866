"""indexes for what the spool still holds; most rows outlive their files."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_KEPT = sa.text("spool_key IS NOT NULL")
_INDEXES = (
    ("ix_instance_kept_study", "instance", "study_id"),
    ("ix_instance_kept_file", "instance", "spool_key"),
    ("ix_result_kept_file", "result", "spool_key"),
)


def upgrade() -> None:
    """Change the schema."""
    for name, table, column in _INDEXES:
        op.create_index(name, table, [column], sqlite_where=_KEPT, postgresql_where=_KEPT)


def downgrade() -> None:
    """Undo the change."""
    for name, table, _ in reversed(_INDEXES):
        op.drop_index(name, table)
