"""What editors order and how often it, new works and quotas have been shown."""

from sqlalchemy import BigInteger, Boolean, Column, Double, Index, Integer, String, Table, Text

from serving.stores.tables.metadata import metadata

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

newcomers = Table(  # new works that have had a place in the budget of exposure
    "newcomers",
    metadata,
    Column("item_id", String, primary_key=True),
    Column("since", Double, nullable=False),
    Column("impressions", BigInteger, nullable=False),
    Column("positives", BigInteger, nullable=False),
    Column("stage", String, nullable=False),  # exploring, graduated, stopped
    Column("ended_at", Double),
)

newcomer_users = Table(  # who was shown a new work; gone as soon as it does not explore any more
    "newcomer_users",
    metadata,
    Column("item_id", String, primary_key=True),
    Column("pseudonym", String, primary_key=True),
    Column("liked", Boolean, nullable=False),
)
Index("newcomer_users_pseudonym", newcomer_users.c.pseudonym)

list_hours = Table(
    "list_hours",
    metadata,
    Column("hour", BigInteger, primary_key=True, autoincrement=False),  # hours since 1970 UTC
    Column("n", BigInteger, nullable=False),  # lists that were answered
)

quota_hours = Table(
    "quota_hours",
    metadata,
    Column("quota_id", String, primary_key=True),
    Column("reason", String, primary_key=True),  # why it was not met; "" where it was
    Column("hour", BigInteger, primary_key=True, autoincrement=False),
    Column("lists", BigInteger, nullable=False),
    Column("wanted", BigInteger, nullable=False),
    Column("got", BigInteger, nullable=False),
)

standing = Table(  # what the service itself has put in force: the newest line of its kind in the change log
    "standing",
    metadata,
    Column("kind", String, primary_key=True),  # cold_start, traffic
    Column("document", Text, nullable=False),  # JSON
    Column("at", Double, nullable=False),
)
