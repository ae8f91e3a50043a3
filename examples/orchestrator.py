"""An orchestrator's day in one page: put a fleet, place work, drain a rack, compare what runs, end work.

Run it against a server: `moorage serve`, then `python -m examples.orchestrator 127.0.0.1:50051`.
"""

from __future__ import annotations

import sys

from placement.client import Client
from placement.errors import MoorageError
from placement.model import Kind, Proximity, Role, Subgroup, Workload
from topology.edits import Drain
from topology.synth import synth_fleet


def work(name: str, kind: Kind, role: Role) -> Workload:
    """A workload of one role, all of it in one rack."""
    near = Proximity(level="rack", mode="require")
    return Workload(id=name, kind=kind, subgroups=(Subgroup(name="main", roles=(role,)),), proximity=near)


def main(target: str) -> int:
    """Run all steps; exit code 0, or that of the first error."""
    train = work("train", Kind.TRAINING, Role(name="worker", replicas=2, gpus=8))
    chat = work("chat", Kind.INFERENCE, Role(name="server", replicas=3, gpu_milli=500))
    giant = work("giant", Kind.TRAINING, Role(name="worker", replicas=40, gpus=8))
    try:
        with Client(target) as client:
            client.put_fabric(synth_fleet("hgx", 32, seed=7))
            answer = client.place([train, chat, giant], max_solve_s=2.0)
            for placement in answer.decision.placements:
                print("placed", placement.workload, sorted({replica.node for replica in placement.replicas}))
            for refused in answer.decision.unplaced:
                print("not placed", refused.workload, refused.verdict)

            home = answer.decision.placements[-1].replicas[0].node
            drained = client.edit_fabric(Drain(part=home))
            print("drained", list(drained.nodes), "in use by", list(drained.affected))

            running = list(client.placements())
            told = client.reconcile([one for one in running if one.workload.id != "chat"])
            for difference in told.differences:
                print("difference", difference.workload, difference.kind)

            released = client.release([one.workload.id for one in running])
            print("released", sorted(released.released))
    except MoorageError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:50051"))
