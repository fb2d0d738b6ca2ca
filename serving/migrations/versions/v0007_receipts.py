"""Histories of items and rights, the evidence of takedowns, and the notifications to regulators and operators."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Make the tables; of items and rights that are there already only the newest state is known."""
    version = sa.Column("version", sa.BigInteger, nullable=False)
    op.create_table("item_history", _seq(), _text("item_id"), _text("record"), version)
    op.create_index("item_history_item", "item_history", ["item_id", "seq"])
    op.execute("INSERT INTO item_history SELECT seq, item_id, record, version FROM items")
    op.create_table("rights_history", _seq(), _text("item_id"), _text("record"))
    op.execute("INSERT INTO rights_history SELECT seq, item_id, record FROM rights")
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
        "notifications",
        *(_seq(), sa.Column("kind", sa.String, nullable=False), sa.Column("subject", sa.String, nullable=False)),
        *(_text("payload"), sa.Column("at", sa.Double, nullable=False), sa.Column("delivered_at", sa.Double)),
    )


def _seq() -> sa.Column[int]:
    return sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)
