#!/usr/bin/env python3
"""What others take for the same: rclone crypt to WebDAV, restic to rclone's REST server, syncthing, vdirsyncer to Radicale.

    peers.py [NAME...]     cp, rclone, restic, syncthing, vdirsyncer; all without a name

Every server is on loopback and on the file system of TMPDIR, which needs room for all that all of them keep: nothing is deleted
before the end, since an ext4 without a journal passes over the inodes of files that were just deleted for each that is made. Time is from the start of the peer's command to its end (syncthing:
from the call that has it look to the other node's having everything). Memory is VmHWM, read each 20 ms. A row says what a peer
said when it fails. PEER_SECONDS (300) are for all that a peer does with the contacts, and again for the photos; one that takes
longer is stopped, and its row says so, and how much was there.
"""

import contextlib
import http.client
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import xml.etree.ElementTree as ElementTree

CONTACTS = int(os.environ.get("CONTACTS", "10000"))
PHOTOS = int(os.environ.get("PHOTOS", "2000"))
PHOTO = 500_000
CHANGED = 10
LIMIT = float(os.environ.get("PEER_SECONDS", "300"))
SEED = 20_261_129
VENV = os.environ.get("PEERS_VENV", "")
ROWS = []


class Stopped(Exception):
    """The peer took longer than LIMIT."""

    def __init__(self):
        super().__init__(f"over {LIMIT:.0f} s")


class Failed(Exception):
    """What the peer said."""


class Deadline:
    """Until when a peer may go on with what it does."""

    def __init__(self):
        self.start()

    def start(self):
        self.at = time.monotonic() + LIMIT

    def left(self):
        """Seconds."""
        left = self.at - time.monotonic()
        if left <= 0:
            raise Stopped
        return left


DEADLINE = Deadline()


def contact(number, more=""):
    """A vCard of 280 B."""
    draw = random.Random(SEED + number)
    name = "".join(draw.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(10)).title()
    phone = "".join(draw.choice("0123456789") for _ in range(9))
    head = (
        "BEGIN:VCARD\r\nVERSION:3.0\r\n"
        f"UID:{number:08d}-belay-bench\r\nFN:{name} Example\r\nN:Example;{name};;;\r\n"
        f"TEL;TYPE=CELL:+49{phone}\r\nEMAIL:{name.lower()}@example.org\r\nNOTE:"
    )
    tail = "\r\nEND:VCARD\r\n"
    note = "".join(draw.choice("abcdefghij klmnop") for _ in range(280 - len(head) - len(tail)))
    return head + note + more + tail


def contacts(folder):
    os.makedirs(folder)
    for number in range(CONTACTS):
        with open(f"{folder}/{number:08d}.vcf", "w", newline="") as file:
            file.write(contact(number))


def change(folder):
    """Ten contacts get a longer note: rclone's WebDAV compares sizes alone."""
    for number in range(0, CONTACTS, max(1, CONTACTS // CHANGED)):
        with open(f"{folder}/{number:08d}.vcf", "w", newline="") as file:
            file.write(contact(number, "and more"))


def photos(folder):
    os.makedirs(folder)
    draw = random.Random(SEED)
    for number in range(PHOTOS):
        with open(f"{folder}/IMG_{number:05d}.jpg", "wb") as file:
            file.write(draw.randbytes(PHOTO))


def children(pid):
    """Of all of its threads."""
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children") as file:
                yield from file.read().split()
    except OSError:
        return


def peak(pid):
    """VmHWM of a process and of its children (one syncthing watches another) in KiB; 0 once it has gone."""
    try:
        with open(f"/proc/{pid}/status") as status:
            found = re.search(r"VmHWM:\s+(\d+)", status.read())
    except OSError:
        return 0
    return (int(found[1]) if found else 0) + sum(peak(child) for child in children(pid))


class Running:
    """A process whose memory is watched."""

    def __init__(self, argv, log, env=None):
        self.log = log
        if shutil.which(argv[0]) is None:
            raise Failed(f"{argv[0]} isn't installed")
        with open(log, "ab") as out:
            self.process = subprocess.Popen(
                argv, stdout=out, stderr=out, stdin=subprocess.DEVNULL,
                env={**os.environ, **(env or {})}, start_new_session=True,
            )
        self.peak = 0
        threading.Thread(target=self.watch, daemon=True).start()

    def watch(self):
        while self.process.poll() is None:
            self.peak = max(self.peak, peak(self.process.pid))
            time.sleep(0.02)

    def stop(self):
        if self.process.poll() is None:
            self.peak = max(self.peak, peak(self.process.pid))
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()

    def words(self):
        with open(self.log, errors="replace") as log:
            lines = [line.strip() for line in log if line.strip()]
        return lines[-1][:160] if lines else "it said nothing"


def run(argv, place, env=None):
    """Runs a command to its end: seconds, and its peak in KiB."""
    log = f"{place}/{os.path.basename(argv[0])}.log"
    left, begun = DEADLINE.left(), time.monotonic()
    running = Running(argv, log, env)
    try:
        code = running.process.wait(left)
    except subprocess.TimeoutExpired:
        running.stop()
        raise Stopped from None
    took = time.monotonic() - begun
    if code != 0:
        raise Failed(f"exit {code}: {running.words()}")
    return took, running.peak


def free_port():
    with socket.socket() as it:
        it.bind(("127.0.0.1", 0))
        return it.getsockname()[1]


def listening(port, server):
    for _ in range(600):
        if server.process.poll() is not None:
            raise Failed(f"the server ended: {server.words()}")
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
            return
        except OSError:
            time.sleep(0.05)
    raise Failed("the server doesn't listen")


def row(peer, what, result, server=None):
    took, memory = result
    line = {"peer": peer, "what": what, "seconds": round(took, 3), "peak_kib": memory}
    if server is not None:
        line["server_peak_kib"] = max(server.peak, peak(server.process.pid))
    ROWS.append(line)
    beside = f", server {line['server_peak_kib'] / 1024:.0f} MiB" if server is not None else ""
    print(f"{peer:<28} {what:<24} {took:>9.2f} s   peak {memory / 1024:>6.0f} MiB{beside}", flush=True)


def said(peer, what, words):
    ROWS.append({"peer": peer, "what": what, "failed": words})
    print(f"{peer:<28} {what:<24} {words}", flush=True)


def three(peer, place, source, sync, server=None, there=None):
    """First, without a change, with ten changed; of photos the first two."""
    kind = os.path.basename(source)
    steps = ["first", "no change"] + (["10 changed"] if kind == "contacts" else [])
    for step in steps:
        what = f"{kind}, {step}"
        try:
            if step == "10 changed":
                change(source)
            row(peer, what, sync(), server)
        except Stopped as stopped:
            came = f", {there()} of them there" if there else ""
            said(peer, what, f"{stopped}{came}")
            return
        except Failed as failed:
            said(peer, what, f"FAILED: {failed}")
            return


def fresh(place, given, name):
    """A copy of the input, which the steps change."""
    target = f"{place}/{name}"
    subprocess.run(["cp", "-r", f"{given}/{name}", target], check=True)
    os.sync()
    return target


def files(folder):
    return sum(len(names) for _, _, names in os.walk(folder))


def do_cp(place, given, name):
    """The floor: a copy that is on disk; each file, and then all together."""
    source = fresh(place, given, name)

    def together():
        begun = time.monotonic()
        took = run(["cp", "-r", source, f"{place}/copy"], place)
        subprocess.run(["sync", "-f", f"{place}/copy"], check=True)
        return time.monotonic() - begun, took[1]

    def each():
        begun = time.monotonic()
        os.makedirs(f"{place}/each")
        for entry in sorted(os.listdir(source)):
            DEADLINE.left()
            with open(f"{source}/{entry}", "rb") as old, open(f"{place}/each/{entry}", "wb") as new:
                shutil.copyfileobj(old, new, 1 << 20)
                new.flush()
                os.fsync(new.fileno())
        return time.monotonic() - begun, 0

    row("cp -r, then sync", f"{name}, first", together())
    row("copy, fsync each file", f"{name}, first", each())


def do_rclone(place, given, name):
    source, port = fresh(place, given, name), free_port()
    obscured = subprocess.run(["rclone", "obscure", "crane-lantern-49-orbit"], check=True, capture_output=True, text=True)
    config = f"{place}/rclone.conf"
    with open(config, "w") as file:
        file.write(f"[dav]\ntype = webdav\nurl = http://127.0.0.1:{port}\nvendor = other\n\n")
        file.write(f"[crypt]\ntype = crypt\nremote = dav:\npassword = {obscured.stdout.strip()}\n")
    os.makedirs(f"{place}/served")
    server = Running(["rclone", "--config", config, "serve", "webdav", "--addr", f"127.0.0.1:{port}", f"{place}/served"],
                     f"{place}/server.log")
    try:
        listening(port, server)
        sync = lambda: run(["rclone", "--config", config, "sync", source, "crypt:"], place)
        three("rclone crypt -> WebDAV", place, source, sync, server, lambda: files(f"{place}/served"))
    finally:
        server.stop()


def do_restic(place, given, name):
    source, port = fresh(place, given, name), free_port()
    os.makedirs(f"{place}/served")
    env = {
        "RESTIC_PASSWORD": "crane-lantern-49-orbit",
        "RESTIC_REPOSITORY": f"rest:http://127.0.0.1:{port}/",
        "RESTIC_CACHE_DIR": f"{place}/cache",
    }
    server = Running(["rclone", "--config", "/dev/null", "serve", "restic", "--addr", f"127.0.0.1:{port}", f"{place}/served"],
                     f"{place}/server.log")
    try:
        listening(port, server)
        run(["restic", "init"], place, env)
        three("restic -> rclone REST", place, source, lambda: run(["restic", "backup", source], place, env), server)
    finally:
        server.stop()


class Node:
    """A syncthing of its own: no discovery, no relays, no watching."""

    def __init__(self, home, folder):
        self.home, self.folder = home, folder
        self.api, self.listen = free_port(), free_port()
        os.makedirs(folder, exist_ok=True)
        subprocess.run(["syncthing", "generate", f"--home={home}", "--no-default-folder"], check=True, capture_output=True)
        self.config = ElementTree.parse(f"{home}/config.xml")
        self.id = self.config.getroot().find("device").get("id")
        self.key = self.config.getroot().find("gui/apikey").text
        self.running = None

    def joins(self, other):
        root = self.config.getroot()
        for device in root.findall("device"):
            root.remove(device)
        for node in (self, other):
            device = ElementTree.SubElement(root, "device", id=node.id, name="node")
            ElementTree.SubElement(device, "address").text = f"tcp://127.0.0.1:{node.listen}"
        folder = ElementTree.SubElement(root, "folder", id="bench", path=self.folder, type="sendreceive",
                                        rescanIntervalS="0", fsWatcherEnabled="false")
        for node in (self, other):
            ElementTree.SubElement(folder, "device", id=node.id)
        root.find("gui/address").text = f"127.0.0.1:{self.api}"
        options = root.find("options")
        for name, value in {
            "listenAddress": f"tcp://127.0.0.1:{self.listen}", "globalAnnounceEnabled": "false",
            "localAnnounceEnabled": "false", "relaysEnabled": "false", "natEnabled": "false", "startBrowser": "false",
            "urAccepted": "-1", "crashReportingEnabled": "false", "autoUpgradeIntervalH": "0", "reconnectionIntervalS": "1",
        }.items():
            for old in options.findall(name):
                options.remove(old)
            ElementTree.SubElement(options, name).text = value
        self.config.write(f"{self.home}/config.xml")

    def start(self, place, name):
        env = {"STNOUPGRADE": "1", "STNORESTART": "1"}
        self.running = Running(["syncthing", "serve", f"--home={self.home}", "--no-browser"], f"{place}/{name}.log", env)
        listening(self.api, self.running)

    def ask(self, method, path):
        link = http.client.HTTPConnection("127.0.0.1", self.api, timeout=DEADLINE.left())
        link.request(method, path, headers={"X-API-Key": self.key})
        answer = link.getresponse()
        body = answer.read()
        link.close()
        if answer.status != 200:
            raise Failed(f"{path}: {answer.status}")
        return json.loads(body) if body else None

    def stop(self):
        if self.running:
            self.running.stop()


def do_syncthing(place, given, name):
    first, second = Node(f"{place}/a", f"{place}/{name}"), Node(f"{place}/b", f"{place}/other/{name}")
    first.joins(second)
    second.joins(first)
    try:
        first.start(place, "first")
        second.start(place, "second")
        deadline = time.monotonic() + 60
        while not first.ask("GET", "/rest/system/connections")["connections"].get(second.id, {}).get("connected"):
            if time.monotonic() > deadline:
                raise Failed("the nodes don't connect")
            time.sleep(0.1)
        time.sleep(2)
        source = first.folder
        subprocess.run(["cp", "-r", f"{given}/{name}/.", source], check=True)
        os.sync()

        def sync():
            begun = time.monotonic()
            first.ask("POST", "/rest/db/scan?folder=bench")
            mine = first.ask("GET", "/rest/db/status?folder=bench")
            while True:
                theirs = second.ask("GET", "/rest/db/status?folder=bench")
                same = all(mine[it] == theirs[it] for it in ("globalFiles", "globalBytes"))
                if same and theirs["needTotalItems"] == 0 and theirs["state"] == "idle":
                    if theirs["inSyncFiles"] != mine["localFiles"]:
                        raise Failed("the nodes differ")
                    return time.monotonic() - begun, first.running.peak
                DEADLINE.left()
                time.sleep(0.02)

        three("syncthing, two nodes", place, source, sync, second.running, lambda: files(second.folder))
    finally:
        first.stop()
        second.stop()


def do_vdirsyncer(place, given, name):
    if name != "contacts":
        return
    source, port = fresh(place, given, name), free_port()
    # A collection is a folder in a folder.
    os.makedirs(f"{place}/vdir")
    os.rename(source, f"{place}/vdir/contacts")
    source = f"{place}/vdir/contacts"
    tool = lambda it: f"{VENV}/bin/{it}" if VENV else it
    server = Running([tool("radicale"), "--hosts", f"127.0.0.1:{port}", "--auth-type", "none",
                      "--storage-filesystem-folder", f"{place}/served", "--logging-level", "warning"], f"{place}/server.log")
    config = f"{place}/vdirsyncer.conf"
    with open(config, "w") as file:
        file.write(f"""[general]
status_path = "{place}/status/"
[pair bench]
a = "local"
b = "dav"
collections = ["contacts"]
[storage local]
type = "filesystem"
path = "{place}/vdir/"
fileext = ".vcf"
[storage dav]
type = "carddav"
url = "http://127.0.0.1:{port}/"
username = "bench"
password = "bench"
""")
    env = {"VDIRSYNCER_CONFIG": config}
    try:
        listening(port, server)
        # Both ask before they make a collection.
        made = subprocess.run([tool("vdirsyncer"), "discover"], env={**os.environ, **env}, input="y\ny\ny\n",
                              capture_output=True, text=True, timeout=DEADLINE.left())
        if made.returncode != 0:
            raise Failed((made.stderr or made.stdout).strip().splitlines()[-1][:160])
        sync = lambda: run([tool("vdirsyncer"), "sync"], place, env)
        there = lambda: sum(1 for folder, _, names in os.walk(f"{place}/served") for it in names if it.endswith(".vcf")
                            and ".Radicale" not in folder)
        three("vdirsyncer -> Radicale", place, source, sync, server, there)
    except Failed as failed:
        said("vdirsyncer -> Radicale", "contacts", f"FAILED: {failed}")
    finally:
        server.stop()


PEERS = {"cp": do_cp, "restic": do_restic, "syncthing": do_syncthing, "rclone": do_rclone, "vdirsyncer": do_vdirsyncer}


def main():
    names = sys.argv[1:] or list(PEERS)
    unknown = [name for name in names if name not in PEERS]
    if unknown:
        print(f"unknown: {' '.join(unknown)}; known: {' '.join(PEERS)}", file=sys.stderr)
        return 64
    with contextlib.ExitStack() as kept:
        given = kept.enter_context(tempfile.TemporaryDirectory(prefix="belay-peers-"))
        contacts(f"{given}/contacts")
        photos(f"{given}/photos")
        os.sync()
        for name in names:
            for kind in ("contacts", "photos"):
                place = kept.enter_context(tempfile.TemporaryDirectory(prefix=f"belay-{name}-"))
                DEADLINE.start()
                try:
                    PEERS[name](place, given, kind)
                except (Stopped, subprocess.TimeoutExpired, TimeoutError):
                    said(name, kind, str(Stopped()))
                except Failed as failed:
                    said(name, kind, f"FAILED: {failed}")
                except Exception as error:  # One peer's surprise is not the next one's.
                    traceback.print_exc()
                    said(name, kind, f"FAILED: {error}")
    print(json.dumps(ROWS))
    return 0


if __name__ == "__main__":
    sys.exit(main())
