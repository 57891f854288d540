"""Three replicas with TLS, tokens and actions, each a process that can be killed and started again."""

import json
import os
import pathlib
import random
import ssl
import subprocess
import time
import urllib.request

IDS = ["00000000000a", "00000000000b", "00000000000c"]
PATIENCE = 60

CONFIG = """
[worker]
lease_ttl = "3s"
capacity = { scan = 2, memory = 4 }

[actions.talk]
description = "Counts, with colours, and complains now and then."
command = ["sh", "-c", 'i=0; while [ $i -lt "$STINT_PARAM_LINES" ]; do printf "\\\\033[32mline\\\\033[0m %d of talk\\n" $i; [ $((i % 10)) = 3 ] && echo "complaint $i" >&2; i=$((i+1)); sleep "$STINT_PARAM_PAUSE"; done']
only_declared = true
parameters.lines = { required = true, minimum = 1, maximum = 100000, description = "How many" }
parameters.pause = { default = "0.1", values = ["0", "0.1", "1"] }

[actions.flood]
command = ["seq", "1", "{param:n}"]

[actions.say]
command = ["echo", "{param:text}"]

[actions.family]
children = true
command = ["sh", "-c", 'for action in noop noop fail; do PROGRAM job submit $action || exit 1; done']

[actions.fail]
command = ["sh", "-c", "echo 'this cannot work' >&2; exit 3"]
"""


class Cluster:
    def __init__(self, stint, work):
        self.stint, self.work = stint, pathlib.Path(work)
        # A network of its own within 127.0.0.0/8, so that no neighbour has its ports.
        self.host = f"127.{random.randrange(64, 250)}.{random.randrange(1, 250)}.{random.randrange(1, 250)}"
        self.processes = {}
        root = pathlib.Path(__file__).resolve().parents[3]
        names = [f"{id}={self.host}" for id in IDS]
        subprocess.run([root / "deploy/certificates.sh", self.work / "files", *names], check=True)
        self.admin = (self.work / "files/admin.token").read_text().strip()
        self.context = ssl.create_default_context(cafile=self.work / "files/ca.pem")
        members = ", ".join(
            f'{{ id = "{id}", client_address = "{self.address(i)}", peer_address = "{self.host}:{7600 + i}" }}'
            for i, id in enumerate(IDS)
        )
        for i, id in enumerate(IDS):
            place = self.work / f"replica{i}"
            place.mkdir()
            tls = self.work / "files" / id
            (place / "stint.toml").write_text(
                f"""
[replica]
id = "{id}"
data_dir = "{place}/data"
client_address = "{self.address(i)}"
peer_address = "{self.host}:{7600 + i}"

[tls]
client_certificate = "{tls}/client.pem"
client_key = "{tls}/client.key"
peer_certificate = "{tls}/peer.pem"
peer_key = "{tls}/peer.key"
peer_ca = "{tls}/peer-ca.pem"
client_ca = "{self.work / "files/ca.pem"}"

[cluster]
id = "{(self.work / "files/cluster-id").read_text().strip()}"
admin_token_hash = "{(self.work / "files/admin.token.sha256").read_text().strip()}"
members = [{members}]
"""
                + CONFIG.replace("PROGRAM", str(self.stint))
            )
            self.run(i, "init", check=True)
            self.start(i)

    def address(self, i):
        return f"{self.host}:{7500 + i}"

    def url(self, i):
        return f"https://{self.address(i)}"

    def run(self, i, *command, **options):
        log = open(self.work / f"replica{i}.log", "a")
        config = self.work / f"replica{i}/stint.toml"
        return subprocess.run([self.stint, *command, "--config", config], stdout=log, stderr=log, **options)

    def start(self, i):
        log = open(self.work / f"replica{i}.log", "a")
        config = self.work / f"replica{i}/stint.toml"
        self.processes[i] = subprocess.Popen([self.stint, "serve", "--config", config], stdout=log, stderr=log)

    def kill(self, i):
        self.processes[i].kill()
        self.processes[i].wait()

    def stop(self):
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def call(self, method, path, value=None, token=None, at=None):
        """Asks replicas until one has an answer."""
        end = time.monotonic() + PATIENCE
        places = [at] if at is not None else list(range(len(IDS)))
        data = None if value is None else json.dumps(value).encode()
        headers = {"Authorization": f"Bearer {token or self.admin}", "Content-Type": "application/json"}
        headers["Idempotency-Key"] = os.urandom(8).hex()
        while True:
            for i in places:
                request = urllib.request.Request(f"{self.url(i)}/api/v0{path}", data, headers, method=method)
                try:
                    with urllib.request.urlopen(request, timeout=15, context=self.context) as answer:
                        text = answer.read()
                        return json.loads(text) if text else None
                except urllib.error.HTTPError as error:
                    why = error.read().decode()
                    if error.code not in (401, 429, 503):
                        raise AssertionError(f"{method} {path}: {error.code} {why}") from error
                except OSError as error:
                    why = error
            if time.monotonic() > end:
                tails = "\n".join(self.tail(i) for i in range(len(IDS)))
                raise AssertionError(f"{method} {path}: no answer, at last {why}\n{tails}")
            time.sleep(0.1)

    def tail(self, i):
        return f"replica {i}:\n" + "\n".join((self.work / f"replica{i}.log").read_text().splitlines()[-8:])

    def submit(self, action, **spec):
        return self.call("POST", "/jobs", {"action": action, **spec})["id"]

    def leader(self):
        """The number of the replica that leads."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            id = self.call("GET", "/meta/cluster_status")["leaderID"]
            if id in IDS:
                return IDS.index(id)
            time.sleep(0.1)
        raise AssertionError("nobody leads")

    def until_status(self, id, *statuses):
        return until(f"job {id} to be {statuses}", lambda: self.call("GET", f"/jobs/{id}")["status"] in statuses)

    def give(self, user, role):
        return self.call("POST", "/tokens", {"user": user, "role": role})


def until(what, condition, patience=PATIENCE):
    """Waits for a condition, and gives what it is; on failure says what was seen last."""
    end = time.monotonic() + patience
    seen = None
    while time.monotonic() < end:
        try:
            seen = condition()
        except AssertionError:
            raise
        except Exception as error:  # a page that is just being drawn
            seen = error
        else:
            if seen:
                return seen
        time.sleep(0.1)
    raise AssertionError(f"waited in vain for {what}; seen last: {seen!r}")
