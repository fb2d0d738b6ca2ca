"""Versions of items, the evidence of takedowns, and the outbox of reports."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0001"


def upgrade() -> None:
    """Make the tables; of items that are there already only the newest version is known."""
    op.create_table("item_versions", _seq(), _text("item_id"), _text("record"))
    op.create_index("item_versions_item", "item_versions", ["item_id", "seq"])
    op.execute("INSERT INTO item_versions (seq, item_id, record) SELECT seq, item_id, record FROM items")
    op.add_column("takedowns", sa.Column("seq", sa.BigInteger))
    for name in ("legal_basis", "attachments", "record"):
        op.add_column("takedowns", sa.Column(name, sa.Text))
    op.create_table(
        "sightings",
        sa.Column("takedown_id", sa.String, primary_key=True),
        sa.Column("node", sa.String, primary_key=True),
        sa.Column("checked_at", sa.Double, nullable=False),
        _text("found"),
    )
    op.create_table(
        "outbox",
        *(_seq(), sa.Column("kind", sa.String, nullable=False), sa.Column("subject", sa.String, nullable=False)),
        *(_text("payload"), sa.Column("at", sa.Double, nullable=False), sa.Column("delivered_at", sa.Double)),
    )


def _seq() -> sa.Column[int]:
    return sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)
