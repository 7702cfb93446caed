"""What goes wrong with roles: leaves of the error tree, each with its wire code."""

from auth_core.kernel import Conflict, NotFound


class RoleNotFound(NotFound):
    """The organization has no such role."""

    code = "role_not_found"
    default_message = "There is no such role."


class RoleNameTaken(Conflict):
    """The organization has a role of this name, or every organization has."""

    code = "role_name_taken"
    default_message = "There is a role of this name already."


class RoleHeld(Conflict):
    """Somebody has the role, or is invited with it."""

    code = "role_held"
    default_message = "Somebody has this role, or is invited with it. Give them another one first."


class TooManyRoles(Conflict):
    """The organization has as many roles as it may have."""

    code = "too_many_roles"
    default_message = "The organization has as many roles of its own as it may have."
