"""Published policy packs, the keys that sign them, and what trials found."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "policy_keys",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("public_key", sa.String, nullable=False),
        sa.Column("trusted_at", sa.Double, nullable=False),
        sa.Column("trusted_by", sa.String, nullable=False),
        sa.Column("revoked_at", sa.Double),
    )
    op.create_table(
        "policy_packs",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("scope", sa.String, nullable=False),
        sa.Column("cite", sa.String, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("sha256", sa.String, nullable=False),
        sa.Column("signature", sa.String, nullable=False),
        sa.Column("key_id", sa.String, nullable=False),
        sa.Column("added_at", sa.Double, nullable=False),
        sa.Column("added_by", sa.String, nullable=False),
    )
    op.create_table(
        "policy_steps",
        sa.Column("step", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("action", sa.String, nullable=False),
        sa.Column("scope", sa.String, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("share", sa.Double, nullable=False),
        sa.Column("refers", sa.Integer, nullable=False),
        sa.Column("loosens", sa.Text, nullable=False),
        sa.Column("actor", sa.String, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
    )
    op.create_table(
        "policy_counts",
        sa.Column("step", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("surface", sa.String, primary_key=True),
        sa.Column("label", sa.String, primary_key=True),
        sa.Column("verdicts", sa.String, primary_key=True),
        sa.Column("count", sa.BigInteger, nullable=False),
    )
