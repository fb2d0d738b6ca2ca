"""Works for others: schema.org and Dublin Core, from the same fields and rights as the gate reads."""

from recsys.safety.export.dublincore import dublin_core
from recsys.safety.export.schemaorg import schema_org
from recsys.safety.export.work import Labelled, Offer, Work, offers

__all__ = ["Labelled", "Offer", "Work", "dublin_core", "offers", "schema_org"]
