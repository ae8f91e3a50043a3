"""`moorage replay`: decide a case of the journal again and hold the two answers against each other."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from placement.cli.deciding import deciding, seconds
from placement.cli.streams import OutputForm, check_writable, one_line, print_text, write_output

if TYPE_CHECKING:
    from placement.journal import Entry, FolderJournal
    from placement.model import Decision

__all__ = ["EXAMPLES", "replay"]

EXAMPLES = """\b
Examples:
  moorage replay --journal journal                    # list what is kept, the latest first
  moorage replay 4f9c01 --journal journal
  moorage replay 4f9c01 --journal journal --time-limit 30s --out-case case.json
  moorage replay 4f9c01 --server localhost:50051
"""


def replay(
    name: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="Case id, or the start of it; none = list the journal.")
    ] = None,
    *,
    journal: Annotated[
        str | None, typer.Option("--journal", metavar="FOLDER", help="Folder of `moorage serve --journal`.")
    ] = None,
    server: Annotated[
        str | None, typer.Option("--server", metavar="HOST:PORT", help="Ask a running server for the case instead.")
    ] = None,
    time_limit: Annotated[
        str | None, typer.Option("--time-limit", help="Time to decide instead of the case's budget: 500ms, 2s, 1m.")
    ] = None,
    out: Annotated[str | None, typer.Option("--out", help="File for the new decision.")] = None,
    out_case: Annotated[str | None, typer.Option("--out-case", help="File for the case.")] = None,
    last: Annotated[int, typer.Option("--last", min=1, max=100_000, help="Without ID: list so many, the latest.")] = 20,
    output: Annotated[OutputForm, typer.Option("--output", "-o", help="What to print.")] = OutputForm.TABLE,
) -> int:
    """Decide a stored case again, and compare the answers.

    Both are checked. What went on from an earlier decision does so again: the journal keeps that too.

    Exit code 0 if both answers are valid and no value contradicts what the other one proved; 1 if not. A budget of
    time may give another value each time, a budget of work may not.
    """
    limit_s = seconds(time_limit)
    for path, option in ((out, "--out"), (out_case, "--out-case")):
        if path is not None:
            check_writable(path, option)
    if (journal is None) == (server is None):
        _refuse("--journal", "one of --journal and --server says where the case is", "give one of the two")
    if name is None:
        if journal is None:
            _refuse("ID", "a server does not list its journal", "give the case id of a decision")
        _list(_open(journal), last, output)
        return 0
    with deciding() as session:
        entry = _fetch(server, name) if journal is None else _open(journal).find(name)
        again = session.decide(entry.case, limit_s, warm=entry.warm)
    if out is not None:
        write_output(out, again.to_json() + "\n")
    if out_case is not None:
        write_output(out_case, entry.case.to_json() + "\n", "--out-case")
    return 0 if _compare(entry, again, output) else 1


def _compare(entry: Entry, again: Decision, output: OutputForm) -> bool:
    """Print both decisions of a case side by side; True if both are valid and neither disproves the other."""
    from placement.journal import agree  # noqa: PLC0415 - loaded by now
    from placement.verify import verify  # noqa: PLC0415

    faults = {"stored": verify(entry.case, entry.decision), "new": verify(entry.case, again)}
    found = agree(entry.decision, again)
    if output is OutputForm.JSON:
        told = {
            "case_id": entry.case.id,
            "kept_s": entry.kept_s,
            "warm_case_id": None if entry.warm is None else entry.warm.case_id,
            "valid_stored": not faults["stored"],
            "valid_new": not faults["new"],
            "equal": found.equal,
            "consistent": found.consistent,
            "says": found.says,
            "violations": {side: list(lines) for side, lines in faults.items()},
        }
        print_text(json.dumps(told, ensure_ascii=False) + "\n")
    else:
        on = "" if entry.warm is None else f", both times going on from a decision on case {entry.warm.case_id[:12]}"
        print(f"case {entry.case.id}, decided {_when(entry.kept_s)}{on}")
        for side, decision in (("stored", entry.decision), ("new", again)):
            state = "valid" if not faults[side] else f"invalid: {len(faults[side])} violations"
            placed = f"{len(decision.placements)} of {len(entry.case.workloads)} workloads placed"
            print(f"{side}: {decision.status}, {placed}, {state}")
            for line in faults[side]:
                print(f"  {one_line(line)}")
        print(found.says)
    return found.consistent and not any(faults.values())


def _refuse(field: str, problem: str, mend: str) -> NoReturn:
    from placement.errors import InputError  # noqa: PLC0415 - with what needs it

    raise InputError(field, problem, mend)


def _fetch(server: str | None, name: str) -> Entry:
    """The entry of a running server's journal. NotFound, Unreachable, or what else the client raises."""
    from placement.cli.connection import connected  # noqa: PLC0415 - brings gRPC
    from placement.journal import Entry  # noqa: PLC0415
    from placement.model import Case  # noqa: PLC0415

    with connected(server or "") as client:
        found = client.case(name)
    return Entry(Case.from_json(found.case_json), found.decision, found.kept_s, found.warm)


def _open(folder: str) -> FolderJournal:
    from pathlib import Path  # noqa: PLC0415 - with what needs it

    from placement.errors import InputError  # noqa: PLC0415 - with what needs it
    from placement.journal import FolderJournal  # noqa: PLC0415 - brings pydantic

    if not Path(folder).is_dir():
        raise InputError("--journal", f"there is no folder {folder!r}", "name the folder of `moorage serve --journal`")
    return FolderJournal(folder)


def _list(held: FolderJournal, last: int, output: OutputForm) -> None:
    """The entries, the latest first: id, when, status, placed; a damaged one with its fault."""
    from placement.errors import InputError  # noqa: PLC0415 - with what needs it

    names = held.ids()
    rows: list[dict[str, Any]] = []
    for name in names[:last]:
        try:
            entry = held.find(name)
        except InputError as error:
            rows.append({"case_id": name, "damaged": str(error)})
            continue
        rows.append(
            {
                "case_id": name,
                "kept_s": entry.kept_s,
                "status": entry.decision.status.value,
                "placed": len(entry.decision.placements),
                "pending": len(entry.case.workloads),
                "nodes": len(entry.case.fleet.nodes),
            }
        )
    if output is OutputForm.JSON:
        print_text(json.dumps(rows, ensure_ascii=False) + "\n")
        return
    for row in rows:
        if "damaged" in row:
            print(f"{row['case_id'][:12]}  damaged: {one_line(row['damaged'])}")
        else:
            print(
                f"{row['case_id'][:12]}  {_when(row['kept_s'])}  {row['status']}: {row['placed']} of "
                f"{row['pending']} workloads placed on {row['nodes']} nodes"
            )
    if len(names) > last:
        print(f"and {len(names) - last} more; --last {len(names)} lists them all")
    if not names:
        print("the journal is empty")


def _when(epoch_s: int) -> str:
    return datetime.fromtimestamp(epoch_s).astimezone().isoformat(sep=" ", timespec="seconds")
