from .lean_beam import import_lean

import_lean()
