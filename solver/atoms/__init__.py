"""The atoms, by kind.

Allow: `Allow`, `Within`, `Segments`, hard `Spread`. Charge: `RefuseCharge`, `UnitCharge`, `SpanCharge`, priced
`Spread`, `Stay`. Share: `Share`, `Pool`, `Caps`, `Floor`, `Disruptions`, `Capacity`. State: `Exclusive`, `Apart`,
`Together`, `Remainder`, `LeftValue`, `Vacant`.
"""

from solver.atoms.allow import Allow, Segments, Within
from solver.atoms.apart import Apart
from solver.atoms.capacity import Capacity
from solver.atoms.caps import Caps
from solver.atoms.charge import RefuseCharge, SpanCharge, UnitCharge
from solver.atoms.disruptions import Disruptions
from solver.atoms.floor import Floor
from solver.atoms.left_value import LeftValue
from solver.atoms.pool import Pool, PoolNode
from solver.atoms.remainder import Remainder
from solver.atoms.share import Hinge, Share
from solver.atoms.spread import Spread
from solver.atoms.state import Exclusive, Together
from solver.atoms.stay import Stay
from solver.atoms.vacant import Vacant

__all__ = [
    "Allow",
    "Apart",
    "Capacity",
    "Caps",
    "Disruptions",
    "Exclusive",
    "Floor",
    "Hinge",
    "LeftValue",
    "Pool",
    "PoolNode",
    "RefuseCharge",
    "Remainder",
    "Segments",
    "Share",
    "SpanCharge",
    "Spread",
    "Stay",
    "Together",
    "UnitCharge",
    "Vacant",
    "Within",
]
