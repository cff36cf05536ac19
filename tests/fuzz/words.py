#!/usr/bin/env python3
"""What a fuzzer can't guess: words.py DICTIONARY CORPUS

Writes the names of all fields of the wire and of what is signed into DICTIONARY, as JSON, CBOR and MessagePack have
them, and the objects of the known-answer vectors into the folder CORPUS; what records hold into sync_record beside it.
"""

import json
import pathlib
import re
import sys

PROTO = pathlib.Path(__file__).resolve().parents[2] / "proto"
FIELD = re.compile(r"^\s+pub (\w+):", re.M)


def quoted(data):
    """An entry of libFuzzer's dictionaries."""
    return '"' + "".join(f"\\x{byte:02x}" for byte in data) + '"\n'


def write_dictionary(path):
    files = [file for part in ("signed", "sync", "wire") for file in (PROTO / "src" / part).rglob("*.rs")]
    names = sorted({name.encode() for file in files for name in FIELD.findall(file.read_text())})
    with open(path, "w") as words:
        for name in names:
            words.write(quoted(b'"' + name + b'":'))
            # Text of less than 24 bytes has its length in the first byte (RFC 8949), of less than 32 in MessagePack.
            if len(name) < 24:
                words.write(quoted(bytes([0x60 + len(name)]) + name))
            if len(name) < 32:
                words.write(quoted(bytes([0xA0 + len(name)]) + name))


def write_corpus(folder):
    records = folder.parent / "sync_record"
    for each in (folder, records):
        each.mkdir(parents=True, exist_ok=True)
    for file in (PROTO / "vectors").glob("*.json"):
        for number, vector in enumerate(json.loads(file.read_text())["vectors"]):
            out = vector["out"] if isinstance(vector["out"], dict) else {}
            if file.stem == "sync_record":
                (records / f"vector-{number}").write_bytes(bytes.fromhex(out["plaintext"]))
            for name in ("payload", "signed"):
                if name in out:
                    (folder / f"{file.stem}-{number}-{name}").write_bytes(bytes.fromhex(out[name]))


write_dictionary(sys.argv[1])
write_corpus(pathlib.Path(sys.argv[2]))
