"""Editors' campaigns and quotas: resolved by one total order, and held below the gate."""

from recsys.overrides.actions import Boost, Bury, CampaignAction, Exclude, Fill, Pin, Present, Row
from recsys.overrides.audience import NOBODY, Audience, Person, parse_audience
from recsys.overrides.board import Room
from recsys.overrides.campaign import Campaign, Caps, Sponsor, campaign_of
from recsys.overrides.exposure import Exposure, ExposureCounts, Impression, NoExposure
from recsys.overrides.hours import Hours, moment_of
from recsys.overrides.index import OverrideIndex
from recsys.overrides.live import NONE_LIVE, Live
from recsys.overrides.newcomers import Budget, ColdStart, Newcomer, Stage, is_cold_start
from recsys.overrides.objectives import OBJECTIVES, Objective, objective
from recsys.overrides.override import Action, Override
from recsys.overrides.pacing import Traffic
from recsys.overrides.placing import PLACED, Placed, place, rows
from recsys.overrides.quotas import NO_QUOTAS, Kept, Quota, QuotaIndex
from recsys.overrides.ranking import More
from recsys.overrides.reasons import REASONS, Unserved

__all__ = [
    "NOBODY",
    "NONE_LIVE",
    "NO_QUOTAS",
    "OBJECTIVES",
    "PLACED",
    "REASONS",
    "Action",
    "Audience",
    "Boost",
    "Budget",
    "Bury",
    "Campaign",
    "CampaignAction",
    "Caps",
    "ColdStart",
    "Exclude",
    "Exposure",
    "ExposureCounts",
    "Fill",
    "Hours",
    "Impression",
    "Kept",
    "Live",
    "More",
    "Newcomer",
    "NoExposure",
    "Objective",
    "Override",
    "OverrideIndex",
    "Person",
    "Pin",
    "Placed",
    "Present",
    "Quota",
    "QuotaIndex",
    "Room",
    "Row",
    "Sponsor",
    "Stage",
    "Traffic",
    "Unserved",
    "campaign_of",
    "is_cold_start",
    "moment_of",
    "objective",
    "parse_audience",
    "place",
    "rows",
]
