"""Alembic's entry: runs the migrations on the connection that ``migrate`` hands over."""

from alembic import context

import shared.db.absence_tables
import shared.db.pacs_tables
import shared.db.previous_tables
import shared.db.queue_control
import shared.db.tables  # noqa: F401 - their tables belong to the metadata too
from shared.db.declarative import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,  # SQLite cannot ALTER in place
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
