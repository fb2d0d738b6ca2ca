"""The tables of the control store, as SQLAlchemy sees them; ``serving/migrations`` builds them.

Whoever imports this knows them all, which is what the migrations compare with.
"""

from serving.stores.tables.metadata import metadata
from serving.stores.tables.orders import (
    campaign_versions,
    campaigns,
    exposure_misses,
    exposure_users,
    exposures,
    halts,
    idempotency,
    list_hours,
    newcomer_users,
    newcomers,
    overrides,
    quota_hours,
    standing,
)
from serving.stores.tables.people import controls, erasures
from serving.stores.tables.records import api_keys, audit, changes, letters, meta, notifications, webhooks
from serving.stores.tables.safety import (
    policy_counts,
    policy_keys,
    policy_packs,
    policy_steps,
    reports,
    reviews,
    sightings,
    statements,
    takedowns,
)
from serving.stores.tables.works import item_history, items, labels, rights, rights_history

__all__ = [
    "api_keys",
    "audit",
    "campaign_versions",
    "campaigns",
    "changes",
    "controls",
    "erasures",
    "exposure_misses",
    "exposure_users",
    "exposures",
    "halts",
    "idempotency",
    "item_history",
    "items",
    "labels",
    "letters",
    "list_hours",
    "meta",
    "metadata",
    "newcomer_users",
    "newcomers",
    "notifications",
    "overrides",
    "policy_counts",
    "policy_keys",
    "policy_packs",
    "policy_steps",
    "quota_hours",
    "reports",
    "reviews",
    "rights",
    "rights_history",
    "sightings",
    "standing",
    "statements",
    "takedowns",
    "webhooks",
]
