"""how often an instance was put off, when all was looked at, which instances were refused."""

import sqlalchemy as sa
from alembic import op

import shared.db.declarative

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change the schema."""
    moment = shared.db.declarative.UtcDateTime(timezone=True)
    op.add_column(
        "pacs_instance", sa.Column("failures", sa.Integer(), server_default="0", nullable=False)
    )
    op.add_column("pacs_position", sa.Column("passed_at", moment, nullable=True))
    op.create_table(
        "refused_instance",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sop_instance_uid", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("calling_ae_title", sa.String(), nullable=False),
        sa.Column("peer_address", sa.String(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("first_at", moment, nullable=False),
        sa.Column("last_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refused_instance")),
        sa.UniqueConstraint(
            "sop_instance_uid", "code", name=op.f("uq_refused_instance_sop_instance_uid_code")
        ),
    )


def downgrade() -> None:
    """Undo the change."""
    op.drop_table("refused_instance")
    with op.batch_alter_table("pacs_position") as batch:
        batch.drop_column("passed_at")
    with op.batch_alter_table("pacs_instance") as batch:
        batch.drop_column("failures")
