"""The shortcut audit: whether real and generated can be told apart without looking at the picture."""

from .audit import audit_shortcuts
from .facts import Shortcut, read_shortcuts, warnings_of

__all__ = ["Shortcut", "audit_shortcuts", "read_shortcuts", "warnings_of"]
