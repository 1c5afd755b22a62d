"""The tables of the registry, a file for each of its parts. What changes here needs a migration (registry/migrations)."""

from tosqauyl.registry.tables.access import Account, ApiKey, LoginSession, Organisation
from tosqauyl.registry.tables.base import Base
from tosqauyl.registry.tables.decisions import Action, Appeal, Condition, Indicator, NumberCheck, ProtectedIdentity
from tosqauyl.registry.tables.duties import (
    Bucket,
    Delivery,
    FigureDay,
    IdempotentAnswer,
    OfficialFigure,
    Upload,
    Webhook,
)
from tosqauyl.registry.tables.lists import ListHead, Listing, Publication
from tosqauyl.registry.tables.policy import ModeDecision
from tosqauyl.registry.tables.reports import Incident, IncidentEvent, IncidentObservable, Observable, Report, Sighting
from tosqauyl.registry.tables.trail import AuditEntry, AuditHead

__all__ = [
    "Account", "Action", "ApiKey", "Appeal", "AuditEntry", "AuditHead", "Base", "Bucket", "Condition", "Delivery", "FigureDay",
    "IdempotentAnswer", "Incident", "IncidentEvent", "IncidentObservable", "Indicator", "ListHead", "Listing",
    "LoginSession", "ModeDecision", "NumberCheck", "Observable", "OfficialFigure", "Organisation", "ProtectedIdentity",
    "Publication", "Report", "Sighting", "Upload", "Webhook",
]  # fmt: skip
