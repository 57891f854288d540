"""Runs the tests of the page, in their order: main.py STINT SHOTS WORK [words of tests to run]."""

import pathlib
import sys
import traceback

import deeds
import forgery
import lists
import logs
import loss
import places
import weight
from browser import Browser
from cluster import Cluster

TESTS = [*places.TESTS, *lists.TESTS, *deeds.TESTS, *logs.TESTS, *forgery.TESTS, *weight.TESTS, *loss.TESTS, *deeds.LAST]


def main():
    stint, shots, work, *words = sys.argv[1:]
    cluster = Cluster(stint, work)
    failed = []
    browser = None
    try:
        secrets = {"admin": cluster.admin}
        for role in ("viewer", "operator"):
            secrets[role] = cluster.give(role, role)["secret"]
        cluster.secrets = secrets
        for test in TESTS:
            name = test.__name__
            if words and not any(word in name for word in words):
                continue
            browser = Browser(pathlib.Path(shots), cluster.host)
            try:
                test(cluster, browser)
                problems = browser.problems()
                assert not problems, f"the console says {problems}"
                print(f"ok      {name}", flush=True)
            except Exception:
                browser.shot(f"failed-{name}")
                failed.append(name)
                print(f"FAILED  {name}\n{traceback.format_exc()}\nat {browser.path()}:\n{browser.text()[:1500]}", flush=True)
            finally:
                browser.quit()
    finally:
        if failed:
            for i in range(3):
                print(cluster.tail(i))
        cluster.stop()
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


main()
