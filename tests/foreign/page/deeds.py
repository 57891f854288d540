"""What is done to several jobs, to members, and by jobs themselves; what the last hours were like."""

import re

from selenium.webdriver.common.keys import Keys

from cluster import IDS, until


def chosen_rows_are_canceled_and_retried_and_others_left_alone(cluster, browser):
    waits = [cluster.submit("sleep", parameters={"seconds": "300", "batch": "choice"}, capacityMap={"gold": 1}) for _ in range(3)]
    done = cluster.submit("noop", parameters={"batch": "choice"})
    cluster.until_status(done, "done")
    browser.sign_in(cluster.url(0), cluster.secrets["operator"])
    browser.go(f"{cluster.url(0)}/?text=choice")
    until("all four", lambda: len(browser.all("tbody tr")) == 4)
    for job in [*waits[:2], done]:
        browser.click(f"tr[data-key='{job}'] [data-name=pick]")
    browser.until_text("3 chosen", ".chosen:not([hidden])")
    # Each button says how many of them it is for.
    browser.until_text("Cancel 2", ".chosen:not([hidden])")
    browser.until_text("Retry 1", ".chosen:not([hidden])")
    browser.axe("a choice of rows")
    browser.shot("chosen")
    browser.click(".chosen button", "Cancel 2")
    browser.until_text("Cancel 2 jobs?", "dialog")
    browser.click("dialog button", "Keep as it is")
    until("the dialog to go", lambda: not browser.has("dialog"))
    assert cluster.call("GET", f"/jobs/{waits[0]}")["status"] == "waiting", "nothing is done yet"
    browser.click(".chosen button", "Cancel 2")
    browser.click("dialog button.danger")
    for job in waits[:2]:
        cluster.until_status(job, "cancel")
    assert cluster.call("GET", f"/jobs/{waits[2]}")["status"] == "waiting"
    until("none to be chosen any more", lambda: not browser.has(".chosen:not([hidden])"))
    # No box says otherwise, so that the next click on it is a choice.
    ticked = "return document.querySelectorAll('thead input:checked, tbody input:checked').length"
    assert browser.js(ticked) == 0, "what was chosen is forgotten, and its boxes are not"
    browser.click(f"tr[data-key='{done}'] [data-name=pick]")
    browser.click(".chosen button", "Retry 1")
    browser.click("dialog button.primary")
    until("its retry", lambda: cluster.call("GET", f"/jobs/{done}").get("retriedByID"))
    # All at once, and none at once.
    until("its row", lambda: len(browser.all("tbody tr")) == 5)
    browser.click("thead [data-name=all]")
    browser.until_text("5 chosen", ".chosen:not([hidden])")
    browser.click(".chosen button", "Choose none")
    until("no box to be ticked", lambda: browser.js(ticked) == 0 and not browser.has(".chosen:not([hidden])"))
    cluster.call("POST", f"/jobs/{waits[2]}/cancel")


def children_are_told_by_their_parent_and_lead_back_to_it(cluster, browser):
    parent = cluster.submit("family")
    browser.sign_in(cluster.url(0), cluster.secrets["viewer"])
    browser.go(f"{cluster.url(0)}/jobs/{parent}")
    browser.until_text("0 not over, 1 failed", "[aria-label=Children]")
    until("all of them", lambda: len(browser.all(".family li")) == 3)
    browser.shot("children")
    browser.click(".family li a")
    browser.until_text("Parent", ".facts")
    browser.until_text(parent[-8:], ".facts")
    browser.go(f"{cluster.url(0)}/?parent={parent}")
    until("its children alone", lambda: len(browser.all("tbody tr")) == 3)
    browser.until_text(f"Children of {parent[-8:]} only")
    browser.click("button", "All jobs")
    until("all", lambda: len(browser.all("tbody tr")) > 3 and "parent" not in browser.path())


def the_last_hours_are_drawn_as_they_were(cluster, browser):
    failed = lambda step: sum(step["ended"].get(it, 0) for it in ("error", "worker_dead", "worker_shutdown"))
    steps = lambda: cluster.call("GET", "/statistics", at=0)["samples"]
    for _ in range(7):
        cluster.submit("fail")
    # Nothing else fails in this step, so that one of the latest has at least these.
    until("a step with failures", lambda: any(failed(step) >= 5 for step in steps()))
    browser.sign_in(cluster.url(0), cluster.secrets["viewer"])
    browser.go(f"{cluster.url(0)}/cluster")
    plot = "figure.plot:nth-of-type(2)"
    browser.until_text("Failures a minute", plot)
    until("a line", lambda: len((browser.js("return document.querySelector(arguments[0])?.getAttribute('points')", f"{plot} polyline") or "").split()) > 1)

    def drawn():
        """The values that the line stands for, by its height and the peak that is written beside it."""
        points = browser.js("return document.querySelector(arguments[0]).getAttribute('points')", f"{plot} polyline").split()
        peak = float(browser.text(f"{plot} .peak").replace(",", ""))
        return [round((108 - float(point.split(",")[1])) / 100 * peak) for point in points]

    def agrees():
        # Steps may come in between: what is drawn is a beginning of what there is.
        seen, known = drawn(), [failed(step) * 2 for step in steps()]
        return seen == known[: len(seen)] and max(seen) >= 10

    until("the line to be what the replica says", agrees)
    # And without a mouse each step can be read.
    seen = drawn()
    place = seen.index(max(seen))
    browser.js("document.querySelector(arguments[0]).focus()", f"{plot} svg")
    browser.press(*[Keys.ARROW_LEFT] * (len(seen) - 1 - place or 1))
    if place == len(seen) - 1:
        browser.press(Keys.ARROW_RIGHT)
    browser.until_text(f"failed {max(seen)}", f"{plot} .legend")
    label = browser.js("return document.querySelector(arguments[0]).getAttribute('aria-label')", f"{plot} svg")
    assert re.match(r"Failures a minute: failed [\d.,]+; at most [\d.,]+ since ", label), label
    browser.shot("plots")


def any_replica_tells_how_all_of_them_are(cluster, browser):
    follower = (cluster.leader() + 1) % 3
    browser.sign_in(cluster.url(follower), cluster.secrets["viewer"])
    browser.go(f"{cluster.url(follower)}/cluster")
    until("three that are well", lambda: browser.text("main tbody").count("well") == 3)
    until("three disks and lags", lambda: browser.text("main tbody").count(" free (") == 3 and browser.text("main tbody").count("entries") == 3)
    browser.shot("cluster-of-a-follower")


def an_administrator_invites_lets_another_lead_and_removes_one(cluster, browser):
    leader = cluster.leader()
    here, gone = (leader + 1) % 3, (leader + 2) % 3
    browser.sign_in(cluster.url(here), cluster.secrets["admin"])
    browser.go(f"{cluster.url(here)}/cluster")
    browser.click("button", "Invite a replica")
    secret = until("the invitation", lambda: browser.text(".secret"))
    assert len(secret) > 20, secret
    browser.axe("an invitation")
    browser.click("dialog button", "✕")
    browser.click("button", f"Let {IDS[here]} lead")
    until("it to lead", lambda: cluster.leader() == here)
    browser.until_text(f"led by {IDS[here]}", ".title")
    browser.click("button", f"Remove {IDS[gone]}")
    browser.until_text("It is gone for ever", "dialog")
    browser.click("dialog button", "Keep as it is")
    until("the dialog to go", lambda: not browser.has("dialog"))
    assert len(cluster.call("GET", "/meta/cluster_status", at=here)["members"]) == 3
    browser.click("button", f"Remove {IDS[gone]}")
    browser.click("dialog button.danger")
    until("it to be gone", lambda: len(cluster.call("GET", "/meta/cluster_status", at=here)["members"]) == 2)
    until("its row to be gone", lambda: IDS[gone] not in browser.text("main tbody"))


TESTS = [
    chosen_rows_are_canceled_and_retried_and_others_left_alone,
    children_are_told_by_their_parent_and_lead_back_to_it,
    the_last_hours_are_drawn_as_they_were,
    any_replica_tells_how_all_of_them_are,
]
# A cluster of three is needed until then.
LAST = [an_administrator_invites_lets_another_lead_and_removes_one]
