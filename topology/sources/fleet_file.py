"""The fleet document as a file: JSON or YAML, plain or gzip.

Both forms go through the same strict JSON validation, so that a YAML fleet means exactly what the same JSON
would mean. Nothing is resolved silently: a repeated key, a key that is not a text, and a YAML merge key
(``<<``) are refused, each with its line.
"""

from __future__ import annotations

import json
from pathlib import Path

import yaml
from pydantic import ValidationError

from topology.errors import TopologyError, topology_error
from topology.model import Fleet
from topology.sources.text import read_text

__all__ = ["parse_fleet_json", "parse_fleet_yaml", "read_fleet"]

_MAX_YAML_NODES = 8_000_000
_MAX_YAML_DEPTH = 32
_SUFFIXES = (".json", ".yaml", ".yml")


def read_fleet(path: Path | str) -> Fleet:
    """Read a fleet from ``.json``, ``.yaml`` or ``.yml``, each also with ``.gz``.

    Raises TopologyError naming the file, or the field within it, and the mend.
    """
    path = Path(path)
    suffix = path.with_suffix("").suffix if path.suffix == ".gz" else path.suffix
    if suffix not in _SUFFIXES:
        raise TopologyError(str(path), "has no known ending", f"name it {', '.join(_SUFFIXES)} (or with .gz)")
    text = read_text(path)
    return parse_fleet_json(text) if suffix == ".json" else parse_fleet_yaml(text)


def parse_fleet_json(text: str) -> Fleet:
    """Return the fleet that a JSON text describes; raise TopologyError if it describes none."""
    try:
        json.loads(text, object_pairs_hook=_refuse_repeated)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise TopologyError("fleet", f"is not JSON at {place} ({error.msg})", "correct the text there") from error
    except RecursionError as error:
        raise TopologyError("fleet", "is nested too deeply", "follow the fleet schema") from error
    except TopologyError:
        raise
    except ValueError as error:
        raise TopologyError("fleet", f"is not JSON ({error})", "correct the text") from error
    return _validate(text)


def parse_fleet_yaml(text: str) -> Fleet:
    """Return the fleet that a YAML text describes; raise TopologyError if it describes none."""
    try:
        loader = (yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader)(text)
        try:
            root = loader.get_single_node()
            if root is None:
                raise TopologyError("fleet", "the file is empty", "write a fleet document")
            _check_yaml(root)
            document = loader.construct_document(root)
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        raise TopologyError("fleet", f"is not YAML: {_one_line(error)}", "correct the text there") from error
    except RecursionError as error:
        raise TopologyError("fleet", "is nested too deeply", "follow the fleet schema") from error
    except TopologyError:
        raise
    except ValueError as error:
        # PyYAML passes on what Python says of a date such as 2024-13-01.
        raise TopologyError("fleet", f"is not YAML ({error})", "put texts in quotes") from error
    try:
        plain = json.dumps(document, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise TopologyError("fleet", f"has a value that JSON has not ({error})", "put texts in quotes") from error
    return _validate(plain)


def _validate(text: str) -> Fleet:
    try:
        return Fleet.model_validate_json(text)
    except ValidationError as error:
        raise topology_error(error) from error


def _refuse_repeated(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Build a JSON object, refusing a key that occurs twice."""
    built = dict(pairs)
    if len(built) < len(pairs):
        keys = [key for key, _ in pairs]
        again = next(key for key in keys if keys.count(key) > 1)
        raise TopologyError(again, "this key occurs twice in one object", "keep one of the two")
    return built


def _check_yaml(root: yaml.Node) -> None:
    """Walk the document before it is built: keys unique and texts, no merge keys, size and depth bounded.

    Aliases are followed as often as they occur, so that a short text cannot unfold into a huge document, and
    a document that contains itself ends at the bound on depth.
    """
    todo = [(root, 0)]
    seen = 0
    while todo:
        node, depth = todo.pop()
        seen += 1
        if seen > _MAX_YAML_NODES or depth > _MAX_YAML_DEPTH:
            raise TopologyError("fleet", "unfolds too far (size, depth or aliases)", "write the values out")
        if isinstance(node, yaml.SequenceNode):
            todo.extend((child, depth + 1) for child in node.value)
        elif isinstance(node, yaml.MappingNode):
            keys: set[str] = set()
            for key, value in node.value:
                line = key.start_mark.line + 1
                if key.tag != "tag:yaml.org,2002:str":
                    raise TopologyError(
                        f"line {line}", "the key is not a text, or a merge key", "quote it, or write it out"
                    )
                if key.value in keys:
                    raise TopologyError(key.value, f"this key occurs twice (line {line})", "keep one of the two")
                keys.add(key.value)
                todo.append((value, depth + 1))


def _one_line(error: yaml.YAMLError) -> str:
    return " ".join(str(error).split())
