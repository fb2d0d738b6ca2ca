"""What users choose for themselves, and whom the service has forgotten."""

from sqlalchemy import BigInteger, Boolean, Column, Double, String, Table, Text

from serving.stores.tables.metadata import metadata

controls = Table(
    "controls",
    metadata,
    Column("user_id", String, primary_key=True),
    Column("personalised", Boolean, nullable=False),
    Column("hidden", Text, nullable=False),  # JSON list
    Column("not_interested", Text, nullable=False),  # JSON list
)

erasures = Table(
    "erasures",
    metadata,
    Column("pseudonym", String, primary_key=True),
    Column("at", Double, nullable=False),
    Column("seq", BigInteger, nullable=False),
)
