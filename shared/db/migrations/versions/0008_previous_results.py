"""with which earlier result of the patient a job's figures are compared."""

import sqlalchemy as sa
from alembic import op

import shared.db.declarative

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change the schema."""
    op.create_table(
        "previous_result",
        sa.Column("job_id", sa.String(), nullable=False),
        sa.Column(
            "considered_at", shared.db.declarative.UtcDateTime(timezone=True), nullable=False
        ),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("study_instance_uid", sa.String(), nullable=False),
        sa.Column("series_instance_uid", sa.String(), nullable=False),
        sa.Column("sop_instance_uid", sa.String(), nullable=False),
        sa.Column("study_date", sa.String(), nullable=False),
        sa.Column("site_stated", sa.Boolean(), nullable=False),
        sa.Column("figures", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_previous_result_job_id_job")),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_previous_result")),
    )


def downgrade() -> None:
    """Undo the change."""
    op.drop_table("previous_result")
