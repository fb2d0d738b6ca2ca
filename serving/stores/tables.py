"""The tables of the control store, as SQLAlchemy sees them; ``serving/migrations`` builds them."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    text,
)

metadata = MetaData()

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

overrides = Table(
    "overrides",
    metadata,
    Column("id", String, primary_key=True),
    Column("action", String, nullable=False),
    Column("item_id", String, nullable=False),
    Column("slot", Integer),
    Column("factor", Double),
    Column("surfaces", Text, nullable=False),  # JSON list
    Column("territories", Text, nullable=False),  # JSON list
    Column("start", Double, nullable=False),
    Column("end", Double, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("created_by", String, nullable=False),
    Column("reason", Text, nullable=False),
    Column("revoked_at", Double),
)
Index("overrides_end", overrides.c.end)

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

items = Table(
    "items",
    metadata,
    Column("item_id", String, primary_key=True),
    Column("first_seq", BigInteger, nullable=False),  # arrival: the item's place in the overlay, kept by later upserts
    Column("seq", BigInteger, nullable=False),
    Column("record", Text, nullable=False),  # JSON
    Column("version", BigInteger, nullable=False),  # the newest upsert that changed the record: what labels refer to
)
Index("items_seq", items.c.seq)

item_history = Table(  # every upsert there was, so that a decision can be made again; the columns are those of items
    "item_history",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("item_id", Text, nullable=False),
    Column("record", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
)
Index("item_history_item", item_history.c.item_id, item_history.c.seq)

rights_history = Table(  # the same of rights
    "rights_history",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("item_id", Text, nullable=False),
    Column("record", Text, nullable=False),
)

sightings = Table(  # what the decision log of each node says of a takedown
    "sightings",
    metadata,
    Column("takedown_id", String, primary_key=True),
    Column("node", String, primary_key=True),
    Column("checked_at", Double, nullable=False),
    Column("found", Text, nullable=False),  # JSON
)

notifications = Table(  # what a regulator or the operator has to be told; whoever delivers it sets delivered_at
    "notifications",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("payload", Text, nullable=False),  # JSON
    Column("at", Double, nullable=False),
    Column("delivered_at", Double),
)

rights = Table(
    "rights",
    metadata,
    Column("item_id", String, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("record", Text, nullable=False),  # JSON, as recsys.safety.rights writes it
)
Index("rights_seq", rights.c.seq)

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

labels = Table(
    "labels",
    metadata,
    Column("id", String, primary_key=True),
    Column("item_id", String, nullable=False),
    Column("item_version", BigInteger, nullable=False),
    Column("source", String, nullable=False),
    Column("label", String, nullable=False),
    Column("score", Double),
    Column("territory", String),
    Column("created", Double, nullable=False),
    Column("expires", Double),
    Column("negates", Boolean, nullable=False),
    Column("evidence", Text, nullable=False),
    Column("policy_version", String, nullable=False),
    Column("actor", String, nullable=False),
    Column("seq", BigInteger, nullable=False),  # the change that told of it
)
Index("labels_item", labels.c.item_id)
Index("labels_seq", labels.c.seq)

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

campaigns = Table(
    "campaigns",
    metadata,
    Column("id", String, primary_key=True),
    Column("version", Integer, nullable=False),  # raised by every act: whoever writes names the one that was read
    Column("state", String, nullable=False),
    Column("document", Text, nullable=False),  # JSON: as it was last written
    Column("served", Text),  # JSON: as it was approved; NULL = nothing of it is on air
    Column("authors", Text, nullable=False),  # JSON list: who has written what is not approved yet
    Column("submitted_by", String),
    Column("approved_at", Double),
    Column("created_at", Double, nullable=False),
    Column("created_by", String, nullable=False),
    Column("end", Double, nullable=False),
)
Index("campaigns_end", campaigns.c.end)

campaign_versions = Table(
    "campaign_versions",
    metadata,
    Column("campaign_id", String, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("act", String, nullable=False),
    Column("state", String, nullable=False),
    Column("actor", String, nullable=False),
    Column("at", Double, nullable=False),
    Column("reason", Text, nullable=False),
    Column("document", Text, nullable=False),  # JSON
)

halts = Table(
    "halts",
    metadata,
    Column("id", String, primary_key=True),
    Column("scope", String, nullable=False),  # campaign, editor, all
    Column("key", String, nullable=False),  # the campaign's or override's id, the editor, "" for all
    Column("at", Double, nullable=False),
    Column("actor", String, nullable=False),
    Column("reason", Text, nullable=False),
    Column("release_requested_by", String),
    Column("released_at", Double),
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("key", String, primary_key=True),
    Column("actor", String, primary_key=True),
    Column("digest", String, nullable=False),  # sha256 of what was asked
    Column("campaign_id", String, nullable=False),
    Column("at", Double, nullable=False),
)

exposures = Table(
    "exposures",
    metadata,
    Column("campaign_id", String, primary_key=True),
    Column("slot", Integer, primary_key=True, autoincrement=False),
    Column("hour", BigInteger, primary_key=True, autoincrement=False),  # hours since 1970 UTC
    Column("n", BigInteger, nullable=False),
    Column("rev", BigInteger, nullable=False),  # rises with every change, so that workers read news alone
)
Index("exposures_rev", exposures.c.rev)

exposure_users = Table(
    "exposure_users",
    metadata,
    Column("campaign_id", String, primary_key=True),
    Column("pseudonym", String, primary_key=True),
    Column("day", Integer, primary_key=True, autoincrement=False),  # the local date of the campaign, as an ordinal
    Column("n", BigInteger, nullable=False),
    Column("rev", BigInteger, nullable=False),
)
Index("exposure_users_rev", exposure_users.c.rev)
Index("exposure_users_pseudonym", exposure_users.c.pseudonym)

exposure_misses = Table(
    "exposure_misses",
    metadata,
    Column("campaign_id", String, primary_key=True),
    Column("reason", String, primary_key=True),
    Column("hour", BigInteger, primary_key=True, autoincrement=False),
    Column("n", BigInteger, nullable=False),
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
)
Index("letters_due", letters.c.due_at)

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
