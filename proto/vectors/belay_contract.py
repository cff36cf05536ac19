"""The contract's computations, written from its text alone. Refused inputs raise ValueError."""

import base64
import hashlib
import hmac
import io
import json
import struct
import unicodedata

import cbor2
import zstandard
from argon2.low_level import Type, hash_secret_raw
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

unhex = bytes.fromhex


def sha256(data):
    return hashlib.sha256(data).digest()


def hkdf(ikm, info, salt=None):
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=salt, info=info).derive(ikm)


def gcm(key, nonce, plaintext, aad):
    return AESGCM(key).encrypt(nonce, plaintext, aad)


def ungcm(key, nonce, sealed, aad):
    try:
        return AESGCM(key).decrypt(nonce, sealed, aad)
    except InvalidTag as error:
        raise ValueError("it doesn't open") from error


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def cbor(value):
    return cbor2.dumps(value, canonical=True)


def sized(text, size):
    data = unhex(text)
    if len(data) != size:
        raise ValueError(f"expected {size} bytes")
    return data


def ed25519(seed):
    key = Ed25519PrivateKey.from_private_bytes(seed)
    return key, key.public_key().public_bytes_raw()


def x25519(secret):
    key = X25519PrivateKey.from_private_bytes(secret)
    return key, key.public_key().public_bytes_raw()


# -- CBOR ----------------------------------------------------------------------------------------


def tagged(value):
    """From the vectors' way of writing typed values."""
    ((kind, inner),) = value.items()
    if kind == "array":
        return [tagged(item) for item in inner]
    if kind == "map":
        return {key: tagged(item) for key, item in inner.items()}
    if kind == "uint":
        if not 0 <= int(inner) < 2**64:
            raise ValueError("not an unsigned number of 64 bits")
        return int(inner)
    if kind == "bytes":
        return unhex(inner)
    return inner


def sound(value, depth=8):
    """Whether a decoded value is of the subset."""
    if isinstance(value, (list, dict)):
        if depth == 0:
            return False
        if isinstance(value, list):
            return all(sound(item, depth - 1) for item in value)
        return all(isinstance(key, str) and sound(item, depth - 1) for key, item in value.items())
    if isinstance(value, bool) or isinstance(value, (bytes, str)):
        return True
    return isinstance(value, int) and 0 <= value < 2**64


def decode(data, most=65536):
    stream = io.BytesIO(data)
    try:
        value = cbor2.CBORDecoder(stream).decode()
    except (cbor2.CBORDecodeError, OverflowError, MemoryError) as error:
        raise ValueError("not CBOR") from error
    if not sound(value) or len(data) > most or cbor(value) != data:
        raise ValueError("not the deterministic encoding")
    return value


def kind_cbor(i):
    if "bytes" in i:
        return {"encoded": cbor(decode(unhex(i["bytes"]))).hex()}
    return {"encoded": cbor(tagged(i["value"])).hex()}


# -- keys ----------------------------------------------------------------------------------------


def kind_password(i):
    p = i["parameters"]
    m, t, lanes = p["memory_kib"], p["iterations"], p["parallelism"]
    if m < 19456 or t < 2 or lanes < 1 or m > 524288 or t > 10 or lanes > 4:
        raise ValueError("parameters out of bounds")
    normal = unicodedata.normalize("NFKC", i["password"]).encode()
    master = hash_secret_raw(normal, sized(i["salt"], 16), t, m, lanes, 32, Type.ID, version=0x13)
    login = hkdf(master, b"belay/login/1")
    verify = hkdf(master, b"belay/verify/1")
    return {
        "normal": normal.hex(),
        "master": master.hex(),
        "login_seed": login.hex(),
        "login_public": b64(ed25519(login)[1]),
        "wrap": hkdf(master + sized(i["share"], 32), b"belay/wrap/1").hex(),
        "verify": verify.hex(),
        "verify_digest": sha256(verify).hex(),
    }


def kind_root(i):
    root = sized(i["root"], 32)
    owner, box = hkdf(root, b"belay/owner-signing/1"), hkdf(root, b"belay/report-box/1")
    return {
        "owner_seed": owner.hex(),
        "owner_public": b64(ed25519(owner)[1]),
        "report_box_secret": box.hex(),
        "report_box_public": b64(x25519(box)[1]),
        "keyring_key": hkdf(root, b"belay/keyring/1").hex(),
        "collection_key": hkdf(sized(i["data_root"], 32), b"belay/collection/1/" + i["collection"].encode()).hex(),
    }


CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ*~$=U"


def code_text(bits):
    number = int.from_bytes(bits, "big")
    symbols = [CROCKFORD[number >> (155 - 5 * n) & 31] for n in range(32)]
    groups = ["".join(symbols[n : n + 4]) for n in range(0, 32, 4)]
    return "-".join(groups + [CROCKFORD[number % 37]])


def code_bits(typed):
    symbols = "".join(typed.split()).replace("-", "").upper()
    symbols = symbols.replace("I", "1").replace("L", "1").replace("O", "0")
    if len(symbols) != 33 or any(s not in CROCKFORD[:32] for s in symbols[:32]):
        raise ValueError("not a recovery code")
    number = 0
    for symbol in symbols[:32]:
        number = number * 32 + CROCKFORD.index(symbol)
    if CROCKFORD[number % 37] != symbols[32]:
        raise ValueError("the check symbol doesn't fit")
    return number.to_bytes(20, "big")


def kind_recovery_code(i):
    bits = code_bits(i["typed"]) if "typed" in i else sized(i["bits"], 20)
    return {"bits": bits.hex(), "text": code_text(bits), "wrap": hkdf(bits, b"belay/recovery/1").hex()}


# -- sealing -------------------------------------------------------------------------------------


def wrap(key, nonce, plaintext, aad):
    return b"\x01" + nonce + gcm(key, nonce, plaintext, aad)


def associated(i):
    return sized(i["account"], 16) + struct.pack(">Q", i["generation"])


def kind_wrapped_root(i):
    sealed = wrap(sized(i["wrap"], 32), sized(i["nonce"], 12), sized(i["root"], 32), associated(i))
    return {"wrapped": sealed.hex()}


def record_ids(i):
    return cbor(
        {
            "v": 1,
            "account": sized(i["account"], 16),
            "collection": i["collection"],
            "id": unhex(i["id"]),
            "kind": i["kind"],
            "key_epoch": i["key_epoch"],
        }
    )


def record_key(i, salt):
    """The names that a record is bound to, its key, its commitment."""
    ids = record_ids(i)
    key = hkdf(sized(i["collection_key"], 32), b"belay/record/1" + ids, salt)
    return ids, key, hkdf(key, b"belay/record-commitment/1")[:16]


def kind_record(i):
    salt = sized(i["salt"], 32)
    ids, key, commitment = record_key(i, salt)
    sealed = b"\x01" + salt + commitment + gcm(key, bytes(12), unhex(i["plaintext"]), ids)
    return {"sealed": sealed.hex()}


def kind_accessory(i):
    content = {"v": 1, "revision": i["revision"], "changed_at": i["changed_at"]}
    if "accessory" in i:
        shared = {"v": 1, **i["accessory"]}
        if not all(isinstance(shared[name], str) for name in ("kind", "address", "name", "serial")):
            raise ValueError("not an accessory")
        if "key" in shared:
            shared["key"] = unhex(shared["key"])
        content["accessory"] = cbor(shared)
    plaintext = cbor(content) + b"\x80"
    plaintext += bytes(-len(plaintext) % 512)
    if len(plaintext) + 65 > 4096:
        raise ValueError("too long")
    names = ("collection_key", "account", "id", "key_epoch", "salt")
    ids = {name: i[name] for name in names}
    sized(i["id"], 16)
    return kind_record(
        {**ids, "collection": "accessories", "kind": "accessory", "plaintext": plaintext.hex()}
    )


def kind_box(i):
    _, recipient = x25519(sized(i["recipient_secret"], 32))
    ephemeral_key, ephemeral = x25519(sized(i["ephemeral_secret"], 32))
    shared = ephemeral_key.exchange(X25519PublicKey.from_public_bytes(recipient))
    key = hkdf(shared, b"belay/box/1" + ephemeral + recipient)
    sealed = b"\x01" + ephemeral + gcm(key, bytes(12), unhex(i["plaintext"]), unhex(i["aad"]))
    return {"recipient_public": b64(recipient), "sealed": sealed.hex()}


def kind_keyring(i):
    root = sized(i["root"], 32)
    fields = {
        "v": 1,
        "account": sized(i["account"], 16),
        "generation": i["generation"],
        "data_roots": [[pair["epoch"], sized(pair["root"], 32)] for pair in i["data_roots"]],
        "index_key": sized(i["index_key"], 32),
    }
    epochs = [pair["epoch"] for pair in i["data_roots"]]
    if sorted(set(epochs)) != epochs:
        raise ValueError("key epochs out of order")
    signed = sign(hkdf(root, b"belay/owner-signing/1"), b"belay-keyring/1\0", fields)
    sealed = wrap(hkdf(root, b"belay/keyring/1"), sized(i["nonce"], 12), unhex(signed["signed"]), associated(i))
    return {"payload": signed["payload"], "sealed": sealed.hex()}


def kind_keyring_box(i):
    """As another device of the owner's gets it: signed by the owner key, sealed to the device's box."""
    payload = {
        "v": 1,
        "account": sized(i["account"], 16),
        "generation": i["generation"],
        "data_roots": [[pair["epoch"], sized(pair["root"], 32)] for pair in i["data_roots"]],
        "index_key": sized(i["index_key"], 32),
    }
    epochs = [pair["epoch"] for pair in i["data_roots"]]
    if sorted(set(epochs)) != epochs:
        raise ValueError("key epochs out of order")
    signed = sign(hkdf(sized(i["root"], 32), b"belay/owner-signing/1"), b"belay-keyring/1\0", payload)
    names = ("recipient_secret", "ephemeral_secret")
    aad = b"belay/keyring-box/1" + sized(i["account"], 16)
    return kind_box({**{name: i[name] for name in names}, "aad": aad.hex(), "plaintext": signed["signed"]})


# -- signed objects ------------------------------------------------------------------------------


def sign(seed, domain, fields):
    payload = cbor(fields)
    signature = ed25519(seed)[0].sign(domain + payload)
    signed = cbor({"payload": payload, "signature": signature})
    return {"payload": payload.hex(), "signature": b64(signature), "signed": signed.hex()}


def base64url_bytes(text, size):
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if len(data) != size or b64(data) != text:
        raise ValueError("not base64url of this length")
    return data


#: The type of each field of each signed object: a size of bytes, "key" or "box" for base64url, or a JSON type.
OBJECTS = {
    "credentials": (
        b"belay-credentials/1\0",
        {
            "account": 16,
            "generation": int,
            "salt": 16,
            "parameters": dict,
            "login": "key",
            "verify_digest": 32,
            "wrapped_root": bytes,
            "recovery_wrap": bytes,
        },
    ),
    "certificate": (
        b"belay-certificate/1\0",
        {
            "account": 16,
            "device": 16,
            "epoch": 16,
            "device_key": "key",
            "warden_key": "key",
            "box_key": "box",
            "hardware": 32,
            "hardware_locked": bool,
            "model": str,
            "wipe_class": str,
            "key_epoch": int,
        },
    ),
    "release": (b"belay-release/1\0", {"account": 16, "device": 16, "epoch": 16, "hardware": 32}),
    "reset": (
        b"belay-reset/1\0",
        {"device": 16, "epoch": 16, "boot_id": str, "expires_boottime_ms": int, "release": bool},
    ),
    "login": (
        b"belay-login/1\0",
        {"origin": str, "identifier": str, "nonce": bytes, "action": str, "thumbprint": 32},
    ),
    "delegate": (
        b"belay-delegate/1\0",
        {"account": 16, "key": "key", "actions": list, "generation": int, "issued_at": int, "expires_at": int},
    ),
    "command": (
        b"belay-command/1\0",
        {
            "id": 16,
            "account": 16,
            "device": 16,
            "epoch": 16,
            "counter": int,
            "issued_at": int,
            "expires_at": int,
            "presence": int,
            "episode": int,
            "action": str,
            "arguments": dict,
        },
    ),
    "outcome": (
        b"belay-outcome/1\0",
        {
            "account": 16,
            "device": 16,
            "epoch": 16,
            "sequence": int,
            "command": 16,
            "action": str,
            "state": str,
            "reason": str,
            "step": int,
            "steps": int,
            "retry": int,
            "presence": int,
            "counter": int,
            "episode": int,
            "lock": str,
        },
    ),
    "order": (b"belay-order/1\0", {"account": 16, "id": 16, "generation": int, "deed": str}),
    "succession": (
        b"belay-succession/1\0",
        {"account": 16, "generation": int, "owner": "key", "report_box": 32, "credentials": 32},
    ),
    "hold": (
        b"belay-hold/1\0",
        {"account": 16, "device": 16, "epoch": 16, "credentials": 32, "over": bool},
    ),
    "state_report": (
        b"belay-state/1\0",
        {
            "account": 16,
            "device": 16,
            "epoch": 16,
            "sequence": int,
            "presence": int,
            "counter": int,
            "episode": int,
            "lock": str,
            "time": int,
            "find": bool,
        },
    ),
}

STATES = {"queued", "delivered", "accepted", "deferred", "running", "done", "failed", "refused"}

DELEGABLE = {"ring", "stop-ring", "locate", "message", "lock"}

#: The arguments of each action and their types.
ARGUMENTS = {
    "lock": {"message": str, "phone": str},
    "unlock": {},
    "wipe": {"external": bool, "keep_esim": bool},
    "ring": {"seconds": int},
    "stop-ring": {},
    "locate": {},
    "message": {"text": str},
    "sign-out": {},
    "cancel": {"id": 16},
}


def field(kind, value):
    if isinstance(kind, int):
        return sized(value, kind)
    if kind == "key":
        return base64url_bytes(value, 32)
    if kind == "box":
        point = base64url_bytes(value, 32)
        # Raises ValueError for a point of low order.
        X25519PrivateKey.from_private_bytes(bytes([8]) * 32).exchange(X25519PublicKey.from_public_bytes(point))
        return point
    if kind is bytes:
        return unhex(value)
    if kind is int and (isinstance(value, bool) or not 0 <= value < 2**64):
        raise ValueError("not an unsigned number")
    if not isinstance(value, kind):
        raise ValueError("another type")
    return value


def arguments(action, given):
    """The arguments of an action; a message must be clean and short, a number E.164."""
    fields = typed(given, ARGUMENTS[action])
    for name in ("message", "text"):
        text = fields.get(name, "")
        if len(text) > 200 or any(misleads(c) for c in text):
            raise ValueError("not a clean message")
    if fields.get("phone", "") != "":
        e164(fields["phone"])
    return fields


def misleads(c):
    """Control characters, line and paragraph separators, and what changes the direction of writing."""
    n = ord(c)
    return (
        unicodedata.category(c) == "Cc"
        or n in (0x61C, 0x200E, 0x200F)
        or 0x2028 <= n <= 0x202E
        or 0x2066 <= n <= 0x2069
    )


def e164(text):
    digits = text[1:]
    if not (text[:1] == "+" and 7 <= len(digits) <= 15 and digits.isascii() and digits.isdigit() and digits[0] != "0"):
        raise ValueError("not E.164")
    return text


def typed(fields, types):
    if set(fields) != set(types):
        raise ValueError("other fields")
    return {name: field(types[name], value) for name, value in fields.items()}


def deed(text):
    """What an order has done: a name, and after one space what it is about."""
    name, space, subject = text.partition(" ")
    if name == "delete-account":
        if space:
            raise ValueError("delete-account is about nothing else")
    elif name == "add-identifier":
        normal = kind_identifier({"typed": subject})["normal"]
        # A signer of another version may know another form, but for white space and the domain's capitals.
        local, at, domain = subject.rpartition("@")
        if subject != normal and not (at and subject == subject.strip() and domain == domain.lower()):
            raise ValueError("an address in another form")
    elif name in ("remove-identifier", "set-login", "remove-device", "unlock-bootloader"):
        if len(subject) != 32 or any(c not in "0123456789abcdef" for c in subject):
            raise ValueError("not an id")
    else:
        raise ValueError("an unknown deed")


def signed_object(name):
    domain, types = OBJECTS[name]

    def compute(i):
        fields = typed(i["fields"], types)
        if name == "delegate" and not (set(fields["actions"]) <= DELEGABLE and fields["actions"] == sorted(set(fields["actions"]))):
            raise ValueError("verbs that can't be delegated")
        if name == "command":
            fields["arguments"] = arguments(fields["action"], fields["arguments"])
        if name == "outcome" and fields["state"] not in STATES:
            raise ValueError("an unknown state")
        if name == "order":
            deed(fields["deed"])
        signed = sign(sized(i["seed"], 32), domain, {"v": 1, **fields})
        if name == "release":
            signed["text"] = "belay-release:" + b64(unhex(signed["signed"]))
        if name == "login":
            del signed["signed"]
        return signed

    return compute


# -- commands: by SMS, tickets' subjects, reports ------------------------------------------------


SMS_ACTIONS = {"lock": 1, "unlock": 2, "ring": 3, "stop-ring": 4, "locate": 5}


def kind_sms(i):
    if i["counter"] >= 2**64 or i["expiry_minutes"] >= 2**32:
        raise ValueError("a number that doesn't fit")
    head = struct.pack(
        ">BBQ16sHI8s",
        1,
        SMS_ACTIONS[i["action"]],
        i["counter"],
        sized(i["epoch"], 16),
        # The low 16 bits.
        i["presence_or_episode"] % 2**16,
        i["expiry_minutes"],
        sized(i["device_tag"], 8),
    )
    domain = b"belay-sms/1\0"
    signature = ed25519(sized(i["seed"], 32))[0].sign(domain + head)
    return {
        "bytes": head.hex(),
        "id": sha256(domain + head)[:16].hex(),
        "text": "belay:" + b64(head + signature),
    }


def kind_command_subject(i):
    encoded = cbor(arguments(i["action"], i["arguments"]))
    subject = f"{i['action']} {sized(i['device'], 16).hex()} {b64(sha256(encoded))}"
    return {"arguments": encoded.hex(), "subject": subject}


POLICIES = {
    "lock_after_offline": int,
    "wipe_after_offline": int,
    "lock_on_sim_change": bool,
    "lock_on_accessory_lost": bool,
    "recovery_without_code": bool,
    "dry_run": bool,
    "trusted_number": str,
}


def kind_policies_subject(i):
    changes = {name: field(POLICIES[name], value) for name, value in i["changes"].items()}
    encoded = cbor({"v": 1, **changes})
    return {"changes": encoded.hex(), "subject": b64(sha256(encoded))}


#: The keys of each kind of report, in the order of the JSON.
REPORTS = {
    "location": "at latitude longitude accuracy altitude source measured_at age_ms after_command command",
    "evidence": "at cells wifi age_ms command",
    "sim": "at iccid imsi operator changed",
    "battery": "at percentage state",
    "event": "at code",
}
CELL = "technology mcc mnc area cell signal"
ACCESS_POINT = "bssid ssid strength frequency"
SOURCES = {"gnss", "cell", "wifi", "last", "network"}


def ordered(fields, names):
    if not set(fields) <= set(names.split()):
        raise ValueError("an unknown key")
    return {name: fields[name] for name in names.split() if name in fields}


def report_json(report):
    kind = report["kind"]
    fields = ordered({key: value for key, value in report.items() if key != "kind"}, REPORTS[kind])
    if kind == "evidence":
        fields["cells"] = [ordered(cell, CELL) for cell in fields["cells"]]
        fields["wifi"] = [ordered(point, ACCESS_POINT) for point in fields["wifi"]]
    if kind == "location":
        sound = abs(fields["latitude"]) <= 90 and abs(fields["longitude"]) <= 180 and fields["accuracy"] >= 0
        if not sound or fields["source"] not in SOURCES:
            raise ValueError("no place")
    if kind == "battery" and not 0 <= fields["percentage"] <= 100:
        raise ValueError("no percentage")
    if "command" in fields:
        sized(fields["command"], 16)
    return json.dumps({"kind": kind, **fields}, separators=(",", ":"), ensure_ascii=False).encode()


def kind_report(i):
    ids = b"".join(sized(i[name], 16) for name in ("account", "device", "epoch", "id"))
    plaintext, aad = report_json(i["report"]), b"belay/report/1" + ids
    box = {name: i[name] for name in ("recipient_secret", "ephemeral_secret")}
    sealed = kind_box({**box, "aad": aad.hex(), "plaintext": plaintext.hex()})
    return {"plaintext": plaintext.decode(), "sealed": sealed["sealed"]}


# -- identities ----------------------------------------------------------------------------------


def kind_device_id(i):
    return {"device": sha256(base64url_bytes(i["warden_key"], 32) + sized(i["epoch"], 16))[:16].hex()}


def kind_hardware_id(i):
    if not set(i) <= {"soc", "storage", "imei", "board"}:
        raise ValueError("an unknown part")
    return {"hardware": sha256(b"belay/hardware/1\0" + cbor(i)).hex(), "unprinted": "soc" in i or "storage" in i}


def kind_dpop(i):
    key, public = ed25519(sized(i["seed"], 32))
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": b64(public)}
    thumbprint = sha256(json.dumps(jwk, sort_keys=True, separators=(",", ":")).encode())
    claims = {"jti": i["jti"], "htm": i["method"], "htu": i["url"], "iat": i["iat"]}
    if "nonce" in i:
        claims["nonce"] = i["nonce"]
    if "access_token" in i:
        claims["ath"] = b64(sha256(i["access_token"].encode()))
    header = {"typ": "dpop+jwt", "alg": "EdDSA", "jwk": jwk}
    parts = [b64(json.dumps(part, separators=(",", ":")).encode()) for part in (header, claims)]
    message = ".".join(parts)
    return {"thumbprint": thumbprint.hex(), "proof": message + "." + b64(key.sign(message.encode()))}


def normal_phone(text):
    text = "".join(c for c in text if c not in " -.()/\u00a0")
    return e164(text)


def deceptive(c):
    """Control characters, invisible ones, and those that change the direction of writing."""
    n = ord(c)
    return (
        unicodedata.category(c) == "Cc"
        or n in (0xAD, 0x61C, 0x180E, 0xFEFF)
        or 0x200B <= n <= 0x200F
        or 0x2028 <= n <= 0x202E
        or 0x2060 <= n <= 0x206F
    )


def stands_for_ascii(c):
    """A letter that is none of ASCII's, and that one without its case may be."""
    upper = c.upper() if len(c.upper()) == 1 else ""
    return not c.isascii() and any(other.isascii() for other in upper + c.lower())


def normal_email(text):
    local, at, domain = text.rpartition("@")
    local = unicodedata.normalize("NFC", local)
    if not at or not 1 <= len(local.encode()) <= 64 or local[0] == "." or local[-1] == "." or ".." in local:
        raise ValueError("not an address")
    if any(c.isspace() or deceptive(c) or stands_for_ascii(c) or c in '@"(),:;<>[]\\' for c in local):
        raise ValueError("not an address")
    if unicodedata.normalize("NFKC", local) != local:
        raise ValueError("not an address")
    # By RFC 3490, which UTS #46 agrees with but for a few letters: no vector has one of those.
    dns = domain.encode("idna").lower()
    labels = dns.split(b".")
    if len(labels) < 2 or len(dns) > 253:
        raise ValueError("not a domain")
    for label in labels:
        if not 1 <= len(label) <= 63 or label[:1] == b"-" or label[-1:] == b"-":
            raise ValueError("not a domain")
        if not all(chr(c).isalnum() or c == ord("-") for c in label):
            raise ValueError("not a domain")
    return f"{local}@{dns.decode('idna')}"


def compared(normal):
    folded = ((c.upper() if len(c.upper()) == 1 else c).lower() for c in normal)
    return unicodedata.normalize("NFC", "".join(folded))


def kind_identifier(i):
    text = i["typed"].strip()
    if text.startswith("+"):
        normal = normal_phone(text)
        masked = f"{normal[:3]}•••••{normal[-2:]}"
        return {"kind": "phone", "normal": normal, "masked": masked, "compared": compared(normal)}
    normal = normal_email(text)
    local, _, domain = normal.rpartition("@")
    masked = f"{local[0]}•••@{domain[0]}•••.{domain.rpartition('.')[2]}"
    return {"kind": "email", "normal": normal, "masked": masked, "compared": compared(normal)}


# -- sync ----------------------------------------------------------------------------------------


MAX_SEALED_RECORD = 320 * 1024
CHUNK = 4 * 1024 * 1024 - 64 * 1024 - 1

#: The keys of a record's content and their types.
CONTENT = {
    "number": int,
    "changed_at": int,
    "natural": str,
    "kind": str,
    "ancestors": bytes,
    "removed": bool,
    "attributes": dict,
    "encoding": int,
    "length": int,
    "body": bytes,
    "chunks": list,
}


def keyed(key, *parts):
    return hmac.new(key, b"".join(parts), hashlib.sha256).digest()


def padded_length(content):
    """With the end: a multiple of 256; above 16 KiB only as many significant bits as the logarithm has."""
    length = content + 1
    step = 256
    if length > 16 * 1024:
        logarithm = length.bit_length() - 1
        step = 1 << (logarithm - logarithm.bit_length())
    return (length + step - 1) // step * step


def pad(content):
    return content + b"\x80" + bytes(padded_length(len(content)) - len(content) - 1)


def unpad(data):
    content = data.rstrip(b"\0")
    if content[-1:] != b"\x80" or padded_length(len(content) - 1) != len(data):
        raise ValueError("not padded as documented")
    return content[:-1]


def kind_padding(i):
    if "padded" in i:
        return {"content": unpad(unhex(i["padded"])).hex()}
    length = padded_length(field(int, i["length"]))
    return {"padded": length, "zeros": length - i["length"] - 1}


def collection_id(index):
    return keyed(index, b"belay/collection-id/1\0")[:16]


def record_id(index, natural):
    return keyed(index, b"belay/record-id/1\0", natural.encode())[:16]


def kind_index_key(i):
    index = hkdf(sized(i["index_key"], 32), b"belay/index/1/" + i["collection"].encode())
    return {
        "index_key": index.hex(),
        "collection_id": collection_id(index).hex(),
        "record_id": record_id(index, i["natural"]).hex(),
        "cut_seed": keyed(index, b"belay/cut/1\0")[:8].hex(),
    }


def content_of(given):
    """A record's content from the vectors' way of writing it."""
    types = {**CONTENT, "ancestors": list}
    fields = typed(given, {**types, "renews": 16} if "renews" in given else types)
    fields["ancestors"] = b"".join(sized(first, 8) for first in fields["ancestors"])
    names = {"id": 32, "length": int, "key_epoch": int}
    fields["chunks"] = [list(typed({name: chunk[name] for name in names}, names).values()) for chunk in fields["chunks"]]
    return {"v": 1, **fields}


def is_number(value):
    return type(value) is int and 0 <= value < 2**64


def is_chunk(value):
    if type(value) is not list or len(value) != 3:
        return False
    identifier, length, epoch = value
    return type(identifier) is bytes and len(identifier) == 32 and is_number(length) and is_number(epoch)


def fits(content):
    """Whether what a content says of itself fits together."""
    if content["removed"]:
        return not content["chunks"] and not content["body"] and content["length"] == 0
    if content["chunks"]:
        return not content["body"] and sum(chunk[1] for chunk in content["chunks"]) == content["length"]
    return content["encoding"] == 1 or len(content["body"]) == content["length"]


def judged(content, index, identifier):
    """The content, where it is one of this record."""
    if type(content) is not dict or set(content) - {"renews"} != {"v", *CONTENT}:
        raise ValueError("other keys")
    if "renews" in content and (type(content["renews"]) is not bytes or len(content["renews"]) != 16):
        raise ValueError("not a revision")
    if any(type(content[name]) is not kind for name, kind in {"v": int, **CONTENT}.items()):
        raise ValueError("another type")
    texts = all(type(text) is str for text in content["attributes"].values())
    ancestors = len(content["ancestors"]) % 8 == 0 and len(content["ancestors"]) <= 128 * 8
    if not (texts and ancestors and all(map(is_chunk, content["chunks"]))):
        raise ValueError("another shape")
    if content["v"] != 1 or content["encoding"] not in (0, 1) or content["number"] == 0 or not fits(content):
        raise ValueError("not a record")
    if record_id(index, content["natural"]) != identifier:
        raise ValueError("another record")
    return content


def names_of(i, identifier, kind):
    names = {name: i[name] for name in ("collection_key", "account", "collection", "key_epoch")}
    field(int, i["key_epoch"])
    return {**names, "id": identifier.hex(), "kind": kind}


def opened_record(names, index, sealed):
    if len(sealed) > MAX_SEALED_RECORD or sealed[:1] != b"\x01":
        raise ValueError("too long, or another version")
    ids, key, commitment = record_key(names, sealed[1:33])
    if sealed[33:49] != commitment:
        raise ValueError("another key")
    plaintext = unpad(ungcm(key, bytes(12), sealed[49:], ids))
    judged(decode(plaintext, MAX_SEALED_RECORD), index, unhex(names["id"]))
    return plaintext


def salt_of(names, plaintext):
    """The salt of a content that is sealed without one: a MAC of all that is sealed and of what it is bound to."""
    key = hkdf(sized(names["collection_key"], 32), b"belay/record-salt/1")
    return keyed(key, record_ids(names), plaintext)


def kind_sync_record(i):
    index = sized(i["index_key"], 32)
    if "content" in i:
        content = content_of(i["content"])
        identifier = record_id(index, content["natural"])
        plaintext = cbor(judged(content, index, identifier))
        padded = pad(plaintext)
        names = names_of(i, identifier, "record")
        salt = {"salt": i["salt"]} if "salt" in i else {"salt": salt_of(names, plaintext).hex()}
        sealed = kind_record({**names, **salt, "plaintext": padded.hex()})["sealed"]
        if opened_record(names, index, unhex(sealed)) != plaintext:
            raise ValueError("it doesn't come back")
        return {
            **({} if "salt" in i else salt),
            "plaintext": plaintext.hex(),
            "padded": len(padded),
            "collection_id": collection_id(index).hex(),
            "record_id": identifier.hex(),
            "revision": sha256(unhex(sealed))[:16].hex(),
            "sealed": sealed,
        }
    names = names_of(i, sized(i["id"], 16), "record")
    if "padded" in i:
        sealed = unhex(kind_record({**names, "salt": i["salt"], "plaintext": i["padded"]})["sealed"])
    else:
        sealed = unhex(i["sealed"])
    return {"plaintext": opened_record(names, index, sealed).hex(), "revision": sha256(sealed)[:16].hex()}


def unframed(frame, length):
    """The content of a Zstandard frame, of which no more is read than it should have."""
    decompressor = zstandard.ZstdDecompressor(max_window_size=1 << 23)
    try:
        content = decompressor.stream_reader(frame).read(length + 1)
    except zstandard.ZstdError as error:
        raise ValueError("no frame") from error
    if len(content) != length:
        raise ValueError("another length")
    return content


def kind_sync_chunk(i):
    index, epoch = sized(i["index_key"], 32), struct.pack(">Q", field(int, i["key_epoch"]))
    blob = hkdf(sized(i["collection_key"], 32), b"belay/blob/1")

    def name_of(plaintext, compression):
        if compression not in (0, 1) or len(plaintext) > CHUNK - compression:
            raise ValueError("too long, or compressed otherwise")
        return keyed(index, b"belay/chunk-id/1\0", epoch, bytes([compression]), plaintext)

    def under(identifier):
        return hkdf(blob, b"belay/chunk/1", identifier), record_ids(names_of(i, identifier, "chunk"))

    if "id" in i:
        identifier = sized(i["id"], 32)
        key, ids = under(identifier)
        if "padded" in i and "nonce" in i:
            nonce = sized(i["nonce"], 12)
            sealed = b"\x02" + gcm(key, nonce, unhex(i["padded"]), ids) + nonce
        elif "padded" in i:
            sealed = b"\x01" + gcm(key, bytes(12), unhex(i["padded"]), ids)
        else:
            sealed = unhex(i["sealed"])
        if sealed[:1] == b"\x01":
            compression, plaintext = 0, unpad(ungcm(key, bytes(12), sealed[1:], ids))
        elif sealed[:1] == b"\x02":
            compression, packed = 1, unpad(ungcm(key, sealed[-12:], sealed[1:-12], ids))
            plaintext = packed[:-1]
            if packed[-1:] == b"\x01":
                plaintext = unframed(plaintext, i["length"])
            elif packed[-1:] != b"\x00":
                raise ValueError("compressed otherwise")
        else:
            raise ValueError("another version")
        if len(plaintext) != i["length"] or name_of(plaintext, compression) != identifier:
            raise ValueError("another chunk")
        return {"plaintext": plaintext.hex(), "sealed_digest": sha256(sealed).hex()}
    if "plaintext" in i:
        plaintext = unhex(i["plaintext"])
    else:
        of = unhex(i["of"])
        plaintext = (of * (field(int, i["length"]) // len(of) + 1))[: i["length"]]
    compression = i.get("compression", 0)
    identifier = name_of(plaintext, compression)
    key, ids = under(identifier)
    if compression:
        frame = unhex(i["frame"]) if "frame" in i else b""
        packed = plaintext + b"\x00"
        mac = b"\x00"
        if frame and padded_length(len(frame) + 1) < padded_length(len(packed)):
            if unframed(frame, len(plaintext)) != plaintext:
                raise ValueError("the frame of something else")
            packed = frame + b"\x01"
            mac = b"\x01" + frame
        nonce = keyed(hkdf(key, b"belay/chunk-nonce/1"), mac)[:12]
        sealed = b"\x02" + gcm(key, nonce, pad(packed), ids) + nonce
    else:
        sealed = b"\x01" + gcm(key, bytes(12), pad(plaintext), ids)
    named = {"id": identifier.hex(), "key": key.hex(), "sealed_length": len(sealed)}
    if "plaintext" in i:
        return {**named, "sealed": sealed.hex()}
    return {**named, "sealed_digest": sha256(sealed).hex()}


KINDS = {
    "cbor": kind_cbor,
    "password": kind_password,
    "root": kind_root,
    "recovery_code": kind_recovery_code,
    "wrapped_root": kind_wrapped_root,
    "record": kind_record,
    "accessory": kind_accessory,
    "box": kind_box,
    "keyring": kind_keyring,
    "keyring_box": kind_keyring_box,
    "padding": kind_padding,
    "index_key": kind_index_key,
    "sync_record": kind_sync_record,
    "sync_chunk": kind_sync_chunk,
    "device_id": kind_device_id,
    "hardware_id": kind_hardware_id,
    "dpop": kind_dpop,
    "identifier": kind_identifier,
    "sms": kind_sms,
    "command_subject": kind_command_subject,
    "policies_subject": kind_policies_subject,
    "report": kind_report,
    **{name: signed_object(name) for name in OBJECTS},
}
