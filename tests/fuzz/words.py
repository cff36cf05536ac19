#!/usr/bin/env python3
"""What a fuzzer can't guess: words.py DICTIONARY CORPUS

Writes the names of all fields of the wire and of what is signed into DICTIONARY, as JSON, CBOR and MessagePack have
them, and the objects of the known-answer vectors into the folder CORPUS; beside it what records hold into sync_record, and
good lines into dpop and inbound_sms.
"""

import base64
import hashlib
import hmac
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


def write_lines(folder, name, *lines):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("\n".join(lines))


def write_proofs(folder):
    """The lines of fuzz_targets/dpop.rs."""
    header = {"typ": "dpop+jwt", "alg": "EdDSA", "jwk": {"kty": "OKP", "crv": "Ed25519", "x": "KEY"}}
    for number, (method, path, token) in enumerate([("POST", "v1/devices", ""), ("GET", "v1/commands?wait=9", "token")]):
        url = "https://cloud.example.org/" + path.split("?")[0]
        claims = {"jti": "1", "htm": method, "htu": url, "iat": 1, "nonce": "n"}
        if token:
            digest = hashlib.sha256(token.encode()).digest()
            claims["ath"] = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        write_lines(folder, f"good-{number}", method, path, token, "!!!", json.dumps(header), json.dumps(claims))


def write_messages(folder):
    """The lines of fuzz_targets/inbound_sms.rs, by its secret."""
    body = json.dumps({"from": "+4915123456789", "text": "belay 00112233445566778899aabbccddeeff"})
    signature = hmac.new(b"between gateway and cloud", body.encode(), hashlib.sha256).hexdigest()
    write_lines(folder, "good", signature, body)


write_dictionary(sys.argv[1])
write_corpus(pathlib.Path(sys.argv[2]))
beside = pathlib.Path(sys.argv[2]).parent
write_proofs(beside / "dpop")
write_messages(beside / "inbound_sms")
