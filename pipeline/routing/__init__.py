"""Which samples people see: a ranking, a budget, and always a random slice that measures what nobody sees.

``update_routes`` decides and writes the table ``routes/``; ``routed`` reads whom to ask, in order.
"""

from .overrides import OverrideRate
from .table import RoutingSummary, routed, update_routes
from .target import Target

__all__ = ["OverrideRate", "RoutingSummary", "Target", "routed", "update_routes"]
