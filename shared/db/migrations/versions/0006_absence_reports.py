"""what the PACS was told about studies that were not analysed."""

import sqlalchemy as sa
from alembic import op

import shared.db.declarative

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change the schema."""
    op.create_table(
        "absence_report",
        sa.Column("revision_id", sa.Integer(), nullable=False),
        sa.Column(
            "considered_at", shared.db.declarative.UtcDateTime(timezone=True), nullable=False
        ),
        sa.Column("sop_instance_uid", sa.String(), nullable=True),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["revision_id"],
            ["study_revision.id"],
            name=op.f("fk_absence_report_revision_id_study_revision"),
        ),
        sa.PrimaryKeyConstraint("revision_id", name=op.f("pk_absence_report")),
    )


def downgrade() -> None:
    """Undo the change."""
    op.drop_table("absence_report")
