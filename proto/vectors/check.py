#!/usr/bin/env python3
"""The second implementation: recomputes every known-answer vector from its inputs.

    check.py            compares; exits 1 on a mismatch, and when a changed vector would pass
    check.py --write    writes the outputs anew, for after the contract grew; the Rust tests judge them

Each file is {"about", "vectors": [{"name", "in", "out"}], "refusals": [{"name", "in"}]}. Bytes are
lower-case hexadecimal unless the contract has another text form. Nothing here is shared with the Rust
code; it follows the contract with the libraries named in requirements.txt.
"""

import copy
import json
import pathlib
import sys

# The folder is a source tree: no compiled copies in it.
sys.dont_write_bytecode = True

from belay_contract import KINDS  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent


class Mismatch(Exception):
    """A vector isn't what its inputs give."""


def outputs(kind, inputs):
    """The outputs of a vector, or None when its inputs are refused."""
    try:
        return KINDS[kind](inputs)
    except (ValueError, KeyError, TypeError, OverflowError):
        return None


def leaves(value, path=()):
    """The paths of all scalars in a JSON value."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, path + (key,))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from leaves(inner, path + (index,))
    else:
        yield path


def mutated(value, path):
    """A copy with the scalar at `path` changed."""
    changed = copy.deepcopy(value)
    holder = changed
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = other(holder[path[-1]])
    return changed


def other(scalar):
    """A different scalar of the same type: a bit in the middle of bytes, one more in numbers."""
    if isinstance(scalar, bool):
        return not scalar
    if isinstance(scalar, (int, float)):
        return scalar + 1
    if scalar and len(scalar) % 2 == 0 and all(c in "0123456789abcdef" for c in scalar):
        raw = bytearray.fromhex(scalar)
        raw[len(raw) // 2] ^= 0x10
        return raw.hex()
    return scalar + "x"


def check_vector(kind, vector):
    name = f"{kind}: {vector['name']}"
    if outputs(kind, vector["in"]) != vector["out"]:
        raise Mismatch(f"{name}: computed {json.dumps(outputs(kind, vector['in']))}")
    for path in leaves(vector["in"]):
        if outputs(kind, mutated(vector["in"], path)) == vector["out"]:
            raise Mismatch(f"{name}: would pass with another {'.'.join(map(str, path))}")
    for path in leaves(vector["out"]):
        if outputs(kind, vector["in"]) == mutated(vector["out"], path):
            raise Mismatch(f"{name}: would pass with another result {'.'.join(map(str, path))}")


def check_file(path):
    kind, data = path.stem, json.loads(path.read_text())
    if kind not in KINDS:
        raise Mismatch(f"{path.name}: no second implementation")
    if not data["vectors"]:
        raise Mismatch(f"{path.name}: no vectors")
    for vector in data["vectors"]:
        check_vector(kind, vector)
    for refusal in data.get("refusals", []):
        if outputs(kind, refusal["in"]) is not None:
            raise Mismatch(f"{kind}: {refusal['name']}: accepted")
    return len(data["vectors"]), len(data.get("refusals", []))


def write_file(path):
    data = json.loads(path.read_text())
    for vector in data["vectors"]:
        vector["out"] = KINDS[path.stem](vector["in"])
    path.write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n")


def main(arguments):
    files = sorted(HERE.glob("*.json"))
    missing = set(KINDS) - {path.stem for path in files}
    if missing:
        print(f"no vectors for {', '.join(sorted(missing))}", file=sys.stderr)
        return 1
    if arguments == ["--write"]:
        for path in files:
            write_file(path)
        return 0
    if arguments:
        print(__doc__, file=sys.stderr)
        return 64
    failed = 0
    for path in files:
        try:
            vectors, refusals = check_file(path)
            print(f"{path.name}: {vectors} vectors, {refusals} refusals")
        except Mismatch as mismatch:
            failed += 1
            print(f"mismatch: {mismatch}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
