"""What the store keeps of itself: the change log, the audit, keys, and what is to be told to others."""

from sqlalchemy import BigInteger, Column, Double, Index, Integer, String, Table, Text

from serving.stores.tables.metadata import metadata

meta = Table("meta", metadata, Column("name", String, primary_key=True), Column("value", Text, nullable=False))

changes = Table(
    "changes",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),  # without gaps, in commit order
    Column("kind", String, nullable=False),
    Column("key", String, nullable=False),
    Column("payload", Text, nullable=False),  # JSON
    Column("at", Double, nullable=False),  # s UTC
)

audit = Table(
    "audit",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("at", Double, nullable=False),
    Column("actor", String, nullable=False),
    Column("action", String, nullable=False),
    Column("target", String, nullable=False),
    Column("before", Text, nullable=False),  # canonical JSON
    Column("after", Text, nullable=False),  # canonical JSON
    Column("reason", Text, nullable=False),
    Column("hash", String, nullable=False),  # sha256 of the previous hash and this entry
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("role", String, nullable=False),
    Column("digest", String, nullable=False, unique=True),  # sha256 of the token, hexadecimal
    Column("created_at", Double, nullable=False),
    Column("created_by", String, nullable=False),
    Column("revoked_at", Double),
    Column("rate", Double),  # requests a second and worker; NULL goes by the role
)

notifications = Table(  # what a regulator or the operator has to be told
    "notifications",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("payload", Text, nullable=False),  # JSON
    Column("at", Double, nullable=False),
    Column("delivered_at", Double),  # when the first webhook took it
)

webhooks = Table(
    "webhooks",
    metadata,
    Column("id", String, primary_key=True),
    Column("url", Text, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("created_by", String, nullable=False),
    Column("removed_at", Double),
)

letters = Table(
    "letters",
    metadata,
    Column("id", String, primary_key=True),
    Column("webhook_id", String, nullable=False),
    Column("body", Text, nullable=False),  # JSON
    Column("attempts", Integer, nullable=False),
    Column("due_at", Double),  # NULL = delivered or given up
    Column("delivered_at", Double),
    Column("error", Text, nullable=False),
    Column("notification", BigInteger),  # the one that it brings
)
Index("letters_due", letters.c.due_at)
