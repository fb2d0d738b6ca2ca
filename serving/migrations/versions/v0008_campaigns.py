"""Campaigns with their versions, halts, exposure, webhooks."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Make the tables."""
    _campaigns()
    _exposure()
    _webhooks()


def _campaigns() -> None:
    op.create_table(
        "campaigns",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("served", sa.Text),
        sa.Column("authors", sa.Text, nullable=False),
        sa.Column("submitted_by", sa.String),
        sa.Column("approved_at", sa.Double),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("created_by", sa.String, nullable=False),
        sa.Column("end", sa.Double, nullable=False),
    )
    op.create_index("campaigns_end", "campaigns", ["end"])
    op.create_table(
        "campaign_versions",
        sa.Column("campaign_id", sa.String, primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("act", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("actor", sa.String, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
    )
    op.create_table(
        "halts",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("scope", sa.String, nullable=False),
        sa.Column("key", sa.String, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("actor", sa.String, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("release_requested_by", sa.String),
        sa.Column("released_at", sa.Double),
    )
    op.create_table(
        "idempotency",
        sa.Column("key", sa.String, primary_key=True),
        sa.Column("actor", sa.String, primary_key=True),
        sa.Column("digest", sa.String, nullable=False),
        sa.Column("campaign_id", sa.String, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
    )


def _exposure() -> None:
    op.create_table(
        "exposures",
        sa.Column("campaign_id", sa.String, primary_key=True),
        sa.Column("slot", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("hour", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("n", sa.BigInteger, nullable=False),
        sa.Column("rev", sa.BigInteger, nullable=False),
    )
    op.create_index("exposures_rev", "exposures", ["rev"])
    op.create_table(
        "exposure_users",
        sa.Column("campaign_id", sa.String, primary_key=True),
        sa.Column("pseudonym", sa.String, primary_key=True),
        sa.Column("day", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("n", sa.BigInteger, nullable=False),
        sa.Column("rev", sa.BigInteger, nullable=False),
    )
    op.create_index("exposure_users_rev", "exposure_users", ["rev"])
    op.create_index("exposure_users_pseudonym", "exposure_users", ["pseudonym"])
    op.create_table(
        "exposure_misses",
        sa.Column("campaign_id", sa.String, primary_key=True),
        sa.Column("reason", sa.String, primary_key=True),
        sa.Column("hour", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("n", sa.BigInteger, nullable=False),
    )


def _webhooks() -> None:
    op.create_table(
        "webhooks",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("created_by", sa.String, nullable=False),
        sa.Column("removed_at", sa.Double),
    )
    op.create_table(
        "letters",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("webhook_id", sa.String, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("due_at", sa.Double),
        sa.Column("delivered_at", sa.Double),
        sa.Column("error", sa.Text, nullable=False),
    )
    op.create_index("letters_due", "letters", ["due_at"])
