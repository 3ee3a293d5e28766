"""What a role may do. Roles are Django groups, held per workspace through a Membership."""

from enum import StrEnum


class Permission(StrEnum):
    VIEW = "view"  # read everything in the workspace
    RESPOND = "respond"  # open, acknowledge, assign, note, resolve, start an investigation
    APPROVE = "approve"  # decide on a plan
    VIEW_LLM_PAYLOAD = "view_llm_payload"  # read the bodies that were sent to a model
    ADMINISTER = "administer"  # connectors, detectors, policies, members


class Role(StrEnum):
    VIEWER = "viewer"
    RESPONDER = "responder"
    APPROVER = "approver"
    ADMIN = "admin"


ROLE_PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.VIEWER: frozenset({Permission.VIEW}),
    Role.RESPONDER: frozenset({Permission.VIEW, Permission.RESPOND}),
    # Who decides on what a model proposed may read what it was told.
    Role.APPROVER: frozenset(
        {Permission.VIEW, Permission.RESPOND, Permission.APPROVE, Permission.VIEW_LLM_PAYLOAD}
    ),
    Role.ADMIN: frozenset(Permission),
}


def roles_with(permission: Permission) -> list[Role]:
    return [role for role, held in ROLE_PERMISSIONS.items() if permission in held]


class NotPermitted(Exception):
    """The user lacks a permission here; the message names the roles that have it."""

    def __init__(self, permission: Permission) -> None:
        self.permission = permission
        self.roles = roles_with(permission)
        names = " or ".join(self.roles)
        super().__init__(f"this needs the role {names} in this workspace")
