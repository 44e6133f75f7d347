"""What a model's four numbers mean: a unit, an order, and the way to the original's pixels and back.

``boxes`` the conventions, one pure pair of functions each; ``spelling`` the JSON shapes they come in; ``families``
what models in use answer in; ``native`` the marks of models that do not speak JSON. Argued in
docs/decisions/0008-box-conventions.md.
"""

from .boxes import CONVENTIONS, Convention
from .families import Family, family_of
from .native import native_regions
from .spelling import four_numbers

__all__ = ["CONVENTIONS", "Convention", "Family", "family_of", "four_numbers", "native_regions"]
