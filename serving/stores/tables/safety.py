"""What safety officers decide: takedowns, reviews with their statements, policy packs."""

from sqlalchemy import BigInteger, Boolean, Column, Double, Index, Integer, String, Table, Text, text

from serving.stores.tables.metadata import metadata

takedowns = Table(
    "takedowns",
    metadata,
    Column("id", String, primary_key=True),
    Column("item_id", String, nullable=False),
    Column("territory", String, nullable=False),  # "" = everywhere, so that it can be part of a unique index
    Column("reason", Text, nullable=False),
    Column("at", Double, nullable=False),
    Column("actor", String, nullable=False),
    Column("restore_requested_by", String),
    Column("restore_reason", Text),
    Column("restored_at", Double),
    Column("seq", BigInteger),  # the order's number in the change log
    Column("legal_basis", Text),
    Column("attachments", Text),  # JSON list of {name, bytes, sha256}; the files themselves stay where they are
    Column("record", Text),  # JSON: the item as it was when it was taken down, where the order's taker knew it
)
Index(
    "takedowns_active",
    takedowns.c.item_id,
    takedowns.c.territory,
    unique=True,
    sqlite_where=text("restored_at IS NULL"),
    postgresql_where=text("restored_at IS NULL"),
)

sightings = Table(  # what the decision log of each node says of a takedown
    "sightings",
    metadata,
    Column("takedown_id", String, primary_key=True),
    Column("node", String, primary_key=True),
    Column("checked_at", Double, nullable=False),
    Column("found", Text, nullable=False),  # JSON
)

reviews = Table(
    "reviews",
    metadata,
    Column("id", String, primary_key=True),  # one a kind and item, an appeal one a statement
    Column("kind", String, nullable=False),
    Column("item_id", String, nullable=False),
    Column("version", Integer, nullable=False),  # raised by every change: whoever writes names the one that was read
    Column("open", Boolean, nullable=False),
    Column("opened_at", Double, nullable=False),
    Column("reason", String, nullable=False),
    Column("reports", Integer, nullable=False),  # since it was opened
    Column("claimed_by", String),
    Column("claimed_at", Double),
    Column("statement_id", String),  # of an appeal: the decision that it is against
    Column("barred", Text, nullable=False),  # JSON list: who has decided before and may not again
)
Index("reviews_open", reviews.c.open)

reports = Table(
    "reports",
    metadata,
    Column("id", String, primary_key=True),
    Column("review_id", String, nullable=False),
    Column("item_id", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("note", Text, nullable=False),
    Column("reporter", String, nullable=False),
    Column("at", Double, nullable=False),
)
Index("reports_review", reports.c.review_id)

statements = Table(
    "statements",
    metadata,
    Column("id", String, primary_key=True),
    Column("review_id", String, nullable=False),
    Column("item_id", String, nullable=False),
    Column("provider", String),
    Column("what", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("rule", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("labels", Text, nullable=False),  # JSON: the label events of the decision
    Column("decided_by", String, nullable=False),
    Column("barred", Text, nullable=False),  # JSON list: everybody who has decided on the matter so far
    Column("at", Double, nullable=False),
)
Index("statements_item", statements.c.item_id)

policy_keys = Table(
    "policy_keys",
    metadata,
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("public_key", String, nullable=False),  # base64
    Column("trusted_at", Double, nullable=False),
    Column("trusted_by", String, nullable=False),
    Column("revoked_at", Double),
)

policy_packs = Table(  # never changed, never deleted
    "policy_packs",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("scope", String, nullable=False),  # "" = everywhere, else a territory or a region
    Column("cite", String, nullable=False),
    Column("text", Text, nullable=False),  # TOML as it was signed
    Column("sha256", String, nullable=False),  # of the text
    Column("signature", String, nullable=False),  # "" = unsigned
    Column("key_id", String, nullable=False),
    Column("added_at", Double, nullable=False),
    Column("added_by", String, nullable=False),
)

policy_steps = Table(  # what is in force follows from these rows in order; never changed, never deleted
    "policy_steps",
    metadata,
    Column("step", Integer, primary_key=True, autoincrement=False),
    Column("action", String, nullable=False),  # propose, publish, decline, shadow, canary, stop
    Column("scope", String, nullable=False),
    Column("number", Integer, nullable=False),  # 0 = no pack of its own
    Column("share", Double, nullable=False),  # of a canary
    Column("refers", Integer, nullable=False),  # the proposal that is agreed to or declined; 0 = none
    Column("loosens", Text, nullable=False),  # JSON list
    Column("actor", String, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", Double, nullable=False),
)

policy_counts = Table(
    "policy_counts",
    metadata,
    Column("step", Integer, primary_key=True, autoincrement=False),  # the trial's
    Column("surface", String, primary_key=True),
    Column("label", String, primary_key=True),
    Column("verdicts", String, primary_key=True),  # "allow > hold"; "" = all places that were compared
    Column("count", BigInteger, nullable=False),
)
