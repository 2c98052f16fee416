"""Tables of rewrites. A row is data; `graphc.ir.passes.canonicalize` applies them all."""

from graphc.ir.passes.rewrites import arithmetic, contraction, logic, movement, structure
from graphc.ir.passes.rewrites.language import Rewrite

TABLES: tuple[Rewrite, ...] = (
    *structure.TABLE,
    *arithmetic.TABLE,
    *logic.TABLE,
    *movement.TABLE,
    *contraction.TABLE,
)
