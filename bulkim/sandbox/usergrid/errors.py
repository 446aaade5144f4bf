"""The error envelope of Easemob and Agora (status code pages of both, read 2026-11)."""

from __future__ import annotations

# The `exception` field names a Java class. Only some are documented; for the others it is left out.
_EXCEPTIONS = {
    "unauthorized": "org.apache.usergrid.rest.exceptions.SecurityException",
    "auth_bad_access_token": "org.apache.usergrid.rest.exceptions.SecurityException",
    "duplicate_unique_property_exists": (
        "org.apache.usergrid.persistence.exceptions.DuplicateUniquePropertyExistsException"
    ),
    "required_property_not_found": "org.apache.usergrid.persistence.exceptions.RequiredPropertyNotFoundException",
    "service_resource_not_found": "org.apache.usergrid.services.exceptions.ServiceResourceNotFoundException",
    "organization_application_not_found": (
        "org.apache.usergrid.rest.exceptions.OrganizationApplicationNotFoundException"
    ),
    "entity_not_found": "org.apache.usergrid.persistence.exceptions.EntityNotFoundException",
    "management": "org.apache.usergrid.management.exceptions.ManagementException",
    "illegal_argument": "java.lang.IllegalArgumentException",
    "json_parse": "com.fasterxml.jackson.core.JsonParseException",
    "forbidden_op": "EasemobForbiddenOpException",
}


class Refusal(Exception):  # noqa: N818 - the vendor's answer, not a failure of ours
    """The vendor says no, in its own words."""

    def __init__(self, status: int, error: str, description: str) -> None:
        super().__init__(status, error, description)
        self.status = status
        self.error = error
        self.description = description

    def document(self, *, now_ms: int, duration_ms: int) -> dict[str, object]:
        document: dict[str, object] = {"error": self.error}
        if self.error in _EXCEPTIONS:
            document["exception"] = _EXCEPTIONS[self.error]
        document["timestamp"] = now_ms
        document["duration"] = duration_ms
        document["error_description"] = self.description
        return document


def illegal(description: str) -> Refusal:
    return Refusal(400, "illegal_argument", description)


def no_such_user() -> Refusal:
    return Refusal(404, "service_resource_not_found", "Service resource not found")


def no_such_app(org: str, app: str, rest: str) -> Refusal:
    return Refusal(
        404,
        "organization_application_not_found",
        f"Could not find application for {org}/{app} from URI: {org}/{app}/{rest}",
    )
