"""Labels as statements, the review queue with its reports and statements of reasons, and versions of items."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the tables, and to every known item the version that its newest upsert is."""
    op.add_column("items", sa.Column("version", sa.BigInteger, nullable=False, server_default="0"))
    op.execute("UPDATE items SET version = seq")
    _labels()
    _reviews()
    op.create_table(
        "reports",
        *(_id(), _name("review_id"), _name("item_id"), _name("reason"), _text("note"), _name("reporter"), _time("at")),
    )
    op.create_index("reports_review", "reports", ["review_id"])
    op.create_table(
        "statements",
        *(_id(), _name("review_id"), _name("item_id"), sa.Column("provider", sa.String)),
        *(_text("what"), _text("why"), _text("rule"), _text("scope"), _text("labels")),
        *(_name("decided_by"), _text("barred"), _time("at")),
    )
    op.create_index("statements_item", "statements", ["item_id"])


def _labels() -> None:
    op.create_table(
        "labels",
        *(_id(), _name("item_id"), _number("item_version"), _name("source"), _name("label")),
        *(sa.Column("score", sa.Double), sa.Column("territory", sa.String), _time("created")),
        *(sa.Column("expires", sa.Double), sa.Column("negates", sa.Boolean, nullable=False), _text("evidence")),
        *(_name("policy_version"), _name("actor"), _number("seq")),
    )
    op.create_index("labels_item", "labels", ["item_id"])
    op.create_index("labels_seq", "labels", ["seq"])


def _reviews() -> None:
    op.create_table(
        "reviews",
        *(_id(), _name("kind"), _name("item_id"), sa.Column("version", sa.Integer, nullable=False)),
        *(sa.Column("open", sa.Boolean, nullable=False), _time("opened_at"), _name("reason")),
        *(sa.Column("reports", sa.Integer, nullable=False), sa.Column("claimed_by", sa.String)),
        *(sa.Column("claimed_at", sa.Double), sa.Column("statement_id", sa.String), _text("barred")),
    )
    op.create_index("reviews_open", "reviews", ["open"])


def _id() -> sa.Column[str]:
    return sa.Column("id", sa.String, primary_key=True)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False)


def _name(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.String, nullable=False)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def _time(name: str) -> sa.Column[float]:
    return sa.Column(name, sa.Double, nullable=False)
