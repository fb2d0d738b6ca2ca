"""A key may have a rate of its own."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Requests a second and worker; keys without one go by their role's."""
    op.add_column("api_keys", sa.Column("rate", sa.Double))
