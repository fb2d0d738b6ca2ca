"""New works and who was shown them, lists and quotas by hour, and what the service itself has put in force;
which notification a letter brings."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "newcomers",
        sa.Column("item_id", sa.String, primary_key=True),
        sa.Column("since", sa.Double, nullable=False),
        sa.Column("impressions", sa.BigInteger, nullable=False),
        sa.Column("positives", sa.BigInteger, nullable=False),
        sa.Column("stage", sa.String, nullable=False),
        sa.Column("ended_at", sa.Double),
    )
    op.create_table(
        "newcomer_users",
        sa.Column("item_id", sa.String, primary_key=True),
        sa.Column("pseudonym", sa.String, primary_key=True),
        sa.Column("liked", sa.Boolean, nullable=False),
    )
    op.create_index("newcomer_users_pseudonym", "newcomer_users", ["pseudonym"])
    op.create_table(
        "list_hours",
        sa.Column("hour", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("n", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "quota_hours",
        sa.Column("quota_id", sa.String, primary_key=True),
        sa.Column("reason", sa.String, primary_key=True),
        sa.Column("hour", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("lists", sa.BigInteger, nullable=False),
        sa.Column("wanted", sa.BigInteger, nullable=False),
        sa.Column("got", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "standing",
        sa.Column("kind", sa.String, primary_key=True),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
    )
    op.add_column("letters", sa.Column("notification", sa.BigInteger))
