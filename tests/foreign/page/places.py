"""Signing in, what each role is offered, and how all pages look."""

import urllib.request

from selenium.webdriver.common.keys import Keys

from cluster import until

PAGES = {"jobs": "/", "crons": "/crons", "workers": "/workers", "cluster": "/cluster", "settings": "/settings"}


def one_signs_in_by_keyboard_and_is_out_when_the_token_is_revoked(cluster, browser):
    given = cluster.give("ann", "viewer")
    browser.go(f"{cluster.url(0)}/crons")
    assert browser.path() == "/login?next=/crons", browser.path()
    browser.axe("signing in")
    browser.shot("login")
    browser.press("stint_wrong", Keys.ENTER)
    browser.until_text("That is no token")
    browser.press(given["secret"], Keys.ENTER)
    until("the page that was asked for", lambda: browser.path() == "/crons")
    browser.until_text("ann", ".user")
    cookies = browser.driver.get_cookies()
    assert [(it["name"], it["httpOnly"], it["secure"], it["sameSite"]) for it in cookies] == [("__Host-stint", True, True, "Lax")], cookies
    # Any replica knows the session: it holds for the host, whatever the port.
    browser.go(f"{cluster.url(1)}/")
    browser.until_text("ann", ".user")
    cluster.call("DELETE", f"/tokens/{given['token']['id']}")
    until("the page to send one away", lambda: browser.path().startswith("/login"))


def a_viewer_is_offered_nothing_that_would_be_refused(cluster, browser):
    cluster.call("POST", "/crons", {"action": "noop", "schedule": "@every 1h"})
    job = cluster.submit("sleep", parameters={"seconds": "300"})
    cluster.until_status(job, "running")
    for role, offered, hidden in [
        ("viewer", [], ["Submit a job", "All that match", "Cancel", "Drain", "Capacity", "Pause", "Run now", "Edit", "New cron", "Invite", "Let it lead", "Set it", "New token", "Revoke"]),
        ("operator", ["Submit a job", "All that match", "Cancel", "Drain", "Capacity", "Pause", "Run now", "Edit", "New cron"], ["Invite", "Let it lead", "Set it", "New token", "Revoke"]),
        ("admin", ["Submit a job", "Cancel", "Drain", "Run now", "Invite", "Let it lead", "Set it", "New token", "Revoke"], []),
    ]:
        browser.sign_in(cluster.url(0), cluster.secrets[role])
        seen = ""
        for place in [*PAGES.values(), f"/jobs/{job}", "/crons/noop"]:
            browser.go(cluster.url(0) + place)
            until(f"{place} to be drawn", lambda: browser.has("main h1"))
            drawn(browser, place)
            seen += browser.js("return [...document.querySelectorAll('main button')].filter((it) => it.checkVisibility()).map((it) => it.innerText).join('\\n')") + "\n"
        for words in offered:
            assert words in seen, (role, words, seen)
        for words in hidden:
            assert words not in seen.splitlines() and f"{words}…" not in seen, (role, words, seen)
        browser.click("form[action='/logout'] button")
        until("to be out", lambda: browser.path() == "/login")
    cluster.call("POST", f"/jobs/{job}/cancel")
    cluster.call("DELETE", "/crons/noop")


def drawn(browser, place):
    """Waits until a page has what it loads."""
    selector = {"/": "tbody tr", "/crons": "tbody tr", "/workers": ".worker", "/cluster": "tbody tr", "/settings": "#retention-title"}.get(place, ".facts dd")
    browser.find(selector)


def all_pages_are_fit_for_everybody_in_light_and_dark_wide_and_narrow(cluster, browser):
    for action, schedule in [("talk", "0 30 3 * * *"), ("noop", "*/20 * * * *")]:
        parameters = {"lines": "5"} if action == "talk" else {}
        cluster.call("POST", "/crons", {"action": action, "schedule": schedule, "timeZone": "Europe/Berlin", "parameters": parameters})
    cluster.call("POST", "/crons/noop/run")
    cluster.submit("fail", retries=1)
    cluster.submit("sleep", parameters={"seconds": "600"}, capacityMap={"scan": 1, "memory": 3})
    cluster.submit("sleep", parameters={"seconds": "600"}, capacityMap={"disk": 9})
    talk = cluster.submit("talk", parameters={"lines": "40", "pause": "0"})
    cluster.until_status(talk, "done")
    cluster.call("POST", "/queues/webhook/pause", {"reason": "the disk is full"})
    browser.sign_in(cluster.url(0), cluster.secrets["admin"])
    for width, dark in [(1280, False), (1280, True), (390, False), (390, True)]:
        browser.look(width, 860, dark)
        for name, place in [*PAGES.items(), ("job", f"/jobs/{talk}"), ("cron", "/crons/noop")]:
            browser.go(cluster.url(0) + place)
            drawn(browser, place)
            if name == "job":
                browser.until_text("line 39 of talk", ".log")
            kind = f"{name}-{width}-{'dark' if dark else 'light'}"
            browser.axe(kind)
            wide = browser.js("return document.documentElement.scrollWidth - innerWidth")
            assert wide <= 0, f"{kind} is {wide} pixels too wide"
            # As it is found, wherever axe has looked last.
            browser.js("scrollTo(0, 0); for (const it of document.querySelectorAll('.scroll')) it.scrollLeft = 0")
            browser.shot(kind)
    cluster.call("POST", "/queues/webhook/resume")


def whoever_has_no_mouse_gets_everywhere(cluster, browser):
    cluster.submit("noop")
    browser.sign_in(cluster.url(0), cluster.secrets["operator"])
    browser.find("tbody tr")
    browser.press("gc")
    until("the crons", lambda: browser.path() == "/crons")
    browser.find("main h1")
    browser.press("gj")
    until("the jobs", lambda: browser.path() == "/")
    browser.find("tbody tr")
    browser.press(Keys.TAB)
    assert browser.js("return document.activeElement.className") == "skip"
    browser.press(Keys.ENTER, "/")
    assert browser.js("return document.activeElement.name") == "text"
    browser.press(Keys.ESCAPE)
    browser.js("document.activeElement.blur()")
    browser.press("n")
    browser.find("dialog[open] #submit-action")
    assert browser.js("return document.activeElement.id") == "submit-action"
    browser.axe("the form for a job")
    browser.press(Keys.ESCAPE)
    until("the form to be closed", lambda: not browser.has("dialog"))
    # Whatever takes the focus shows it.
    browser.js("document.querySelector('tbody a').focus()")
    seen = browser.js("return getComputedStyle(document.activeElement).outlineStyle")
    assert seen == "solid", seen


def documents_are_under_a_strict_policy(cluster, _browser):
    request = urllib.request.Request(f"{cluster.url(0)}/login", headers={"Accept": "text/html"})
    with urllib.request.urlopen(request, context=cluster.context) as answer:
        policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'") and "unsafe" not in policy and "*" not in policy, policy


TESTS = [
    one_signs_in_by_keyboard_and_is_out_when_the_token_is_revoked,
    a_viewer_is_offered_nothing_that_would_be_refused,
    all_pages_are_fit_for_everybody_in_light_and_dark_wide_and_narrow,
    whoever_has_no_mouse_gets_everywhere,
    documents_are_under_a_strict_policy,
]
