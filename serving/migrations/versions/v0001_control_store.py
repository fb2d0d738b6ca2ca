"""The control store as it began."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make every table."""
    op.create_table("meta", _id("name"), _text("value"))
    op.create_table("changes", _seq(), _name("kind"), _name("key"), _text("payload"), _time("at"))
    _overrides()
    _takedowns()
    op.create_table("items", _id("item_id"), _number("first_seq"), _number("seq"), _text("record"))
    op.create_index("items_seq", "items", ["seq"])
    personalised = sa.Column("personalised", sa.Boolean, nullable=False)
    op.create_table("controls", _id("user_id"), personalised, _text("hidden"), _text("not_interested"))
    op.create_table("erasures", _id("pseudonym"), _time("at"), _number("seq"))
    _api_keys()
    _audit()


def _overrides() -> None:
    op.create_table(
        "overrides",
        *(_id("id"), _name("action"), _name("item_id"), sa.Column("slot", sa.Integer), sa.Column("factor", sa.Double)),
        *(_text("surfaces"), _text("territories"), _time("start"), _time("end")),
        *(sa.Column("priority", sa.Integer, nullable=False), _time("created_at"), _name("created_by")),
        *(_text("reason"), sa.Column("revoked_at", sa.Double)),
    )
    op.create_index("overrides_end", "overrides", ["end"])


def _takedowns() -> None:
    op.create_table(
        "takedowns",
        *(_id("id"), _name("item_id"), _name("territory"), _text("reason"), _time("at"), _name("actor")),
        *(sa.Column("restore_requested_by", sa.String), sa.Column("restore_reason", sa.Text)),
        sa.Column("restored_at", sa.Double),
    )
    active = sa.text("restored_at IS NULL")
    op.create_index(
        "takedowns_active",
        "takedowns",
        ["item_id", "territory"],
        unique=True,
        sqlite_where=active,
        postgresql_where=active,
    )


def _api_keys() -> None:
    op.create_table(
        "api_keys",
        *(_id("id"), _name("name"), _name("role"), sa.Column("digest", sa.String, nullable=False, unique=True)),
        *(_time("created_at"), _name("created_by"), sa.Column("revoked_at", sa.Double)),
    )


def _audit() -> None:
    op.create_table(
        "audit",
        *(_seq(), _time("at"), _name("actor"), _name("action"), _name("target")),
        *(_text("before"), _text("after"), _text("reason"), _name("hash")),
    )


def _id(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.String, primary_key=True)


def _seq() -> sa.Column[int]:
    return sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False)


def _name(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.String, nullable=False)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def _time(name: str) -> sa.Column[float]:
    return sa.Column(name, sa.Double, nullable=False)
