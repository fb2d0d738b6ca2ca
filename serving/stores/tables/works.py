"""What is known of works beside the bundle: records, rights and labels."""

from sqlalchemy import BigInteger, Boolean, Column, Double, Index, String, Table, Text

from serving.stores.tables.metadata import metadata

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

rights = Table(
    "rights",
    metadata,
    Column("item_id", String, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("record", Text, nullable=False),  # JSON, as recsys.safety.rights writes it
)
Index("rights_seq", rights.c.seq)

rights_history = Table(  # the same of rights
    "rights_history",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("item_id", Text, nullable=False),
    Column("record", Text, nullable=False),
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
