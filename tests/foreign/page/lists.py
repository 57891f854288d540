"""Jobs, workers, crons, settings: what is seen and what is done."""

import re

from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.select import Select

from cluster import until


def a_list_is_live_and_its_filters_are_in_the_address(cluster, browser):
    browser.sign_in(cluster.url(0), cluster.secrets["operator"])
    job = cluster.submit("sleep", parameters={"seconds": "300", "note": "find me"}, capacityMap={"scan": 1})
    row = f"tr[data-key='{job}']"
    browser.until_text("running", row)
    browser.fill("[name=text]", "find me")
    until("the address to say so", lambda: "text=find+me" in browser.path())
    until("one row", lambda: len(browser.all("tbody tr")) == 1)
    browser.driver.refresh()
    until("one row", lambda: len(browser.all("tbody tr")) == 1)
    assert browser.find("[name=text]").get_attribute("value") == "find me"
    browser.click(f"{row} button", "Cancel")
    browser.until_text("canceled", row)
    browser.click(f"{row} button", "Retry")
    until("the new one", lambda: len(browser.all("tbody tr")) == 2)
    again = browser.js("return document.querySelector('tbody tr').dataset.key")
    browser.click("summary", "any")
    browser.click("input[name=status][value=cancel]")
    until("the canceled one alone", lambda: [it.get_attribute("data-key") for it in browser.all("tbody tr")] == [job])
    assert "status=cancel" in browser.path()
    cluster.call("POST", f"/jobs/{again}/cancel")


def filters_by_action_worker_and_time_are_the_clusters(cluster, browser):
    job = cluster.submit("say", parameters={"text": "filtered"})
    cluster.until_status(job, "done")
    on = cluster.call("GET", f"/jobs/{job}")["workerID"]
    browser.sign_in(cluster.url(0), cluster.secrets["viewer"])
    browser.find("tbody tr")
    shown = lambda selector: browser.js("return [...document.querySelectorAll(arguments[0])].map((it) => it.textContent)", selector)
    browser.find("[name=action]").send_keys("say", Keys.ENTER)
    until("its jobs alone", lambda: set(shown("td.what b")) == {"say"} and "action=say" in browser.path())
    browser.find("[name=worker]").send_keys(on, Keys.ENTER)
    until("its worker's alone", lambda: set(shown("td.wide-only")) == {on.lstrip("0")} and f"worker={on}" in browser.path())
    assert browser.has(f"tr[data-key='{job}']")
    set_time = "const it = document.querySelector(`[name=${arguments[0]}]`); it.value = arguments[1]; it.dispatchEvent(new Event('change', { bubbles: true }))"
    browser.js(set_time, "since", "2099-01-01T00:00:00")
    browser.until_text("No job matches", ".under")
    assert "since=2099-01-01T00" in browser.path(), browser.path()
    browser.driver.refresh()
    browser.until_text("No job matches", ".under")
    browser.js(set_time, "since", "2020-01-01T00:00:00")
    until("them again", lambda: browser.has(f"tr[data-key='{job}']"))
    browser.click("button", "Clear")
    until("all of them", lambda: len(set(shown("td.what b"))) > 1 and browser.path() == "/")


def a_job_that_waits_says_why(cluster, browser):
    job = cluster.submit("noop", capacityMap={"gold": 1})
    browser.sign_in(cluster.url(0), cluster.secrets["viewer"])
    browser.until_text("no live worker has the capacity gold: 1", f"tr[data-key='{job}']")
    browser.go(f"{cluster.url(0)}/jobs/{job}")
    browser.until_text("no live worker has the capacity gold: 1", ".facts")
    cluster.call("POST", f"/jobs/{job}/cancel")


def pages_and_sorting_go_through_many_jobs(cluster, browser):
    for number in range(60):
        cluster.submit("noop", parameters={"batch": "pages", "number": str(number)})
    browser.sign_in(cluster.url(0), cluster.secrets["viewer"])
    browser.go(f"{cluster.url(0)}/?text=pages&limit=25")
    keys = lambda: [it.get_attribute("data-key") for it in browser.all("tbody tr")]
    until("a page", lambda: len(keys()) == 25)
    seen = [keys()]
    for size in (25, 10):
        browser.click(".pages button", "Older")
        until("the next page", lambda: len(keys()) == size and keys() != seen[-1])
        seen.append(keys())
    assert len(set(sum(seen, []))) == 60
    browser.driver.back()
    until("the page before", lambda: keys() == seen[1])
    browser.driver.back()
    until("the first page", lambda: keys() == seen[0])
    numbers = browser.js("return [...document.querySelectorAll('.words')].map((it) => Number(/number=(\\d+)/.exec(it.textContent)[1]))")
    assert numbers == list(range(59, 34, -1)), f"newest first: {numbers}"
    browser.click(".pages button", "Older")
    until("the next page", lambda: keys() == seen[1])
    browser.click(".pages button", "Newest")
    until("the first page", lambda: keys() == seen[0])
    browser.click("button.sort", "Job")
    until("the rows in another order", lambda: keys() == sorted(seen[0]))
    assert "sort=id" in browser.path()
    browser.until_text("this page only is sorted by job", ".under")
    # By time all of it is sorted, and the address says so.
    browser.click("button.sort", "Scheduled")
    until("the order of the cluster again", lambda: keys() == seen[0])
    browser.click("button.sort", "Scheduled")
    oldest = list(reversed(sum(seen, [])))
    until("the oldest of all first", lambda: keys() == oldest[:25])
    assert "order=oldest" in browser.path() and "sort=" not in browser.path(), browser.path()
    browser.driver.refresh()
    until("them again", lambda: keys() == oldest[:25])
    assert browser.find("[data-name=scheduledAt]").find_element("xpath", "..").get_attribute("aria-sort") == "ascending"
    browser.click(".pages button", "Newer")
    until("the next page of them", lambda: keys() == oldest[25:50])
    browser.click(".pages button", "Oldest")
    until("the first page of them", lambda: keys() == oldest[:25])
    browser.axe("the oldest first")
    # Where it is narrow that column is not there, and the form has the choice.
    assert not browser.find("select[name=order]").is_displayed()
    browser.look(390)
    assert not browser.find("[data-name=scheduledAt]").is_displayed()
    order = Select(browser.find("select[name=order]"))
    assert order.first_selected_option.text == "oldest first"
    order.select_by_visible_text("newest first")
    until("the newest of all first", lambda: keys() == seen[0])
    assert "order=" not in browser.path(), browser.path()
    browser.click("button.sort", "Action")
    until("the rows of the page to be sorted", lambda: "sort=action" in browser.path())
    order.select_by_visible_text("oldest first")
    until("the oldest of all first", lambda: keys() == oldest[:25])
    assert "order=oldest" in browser.path() and "sort=" not in browser.path(), browser.path()
    browser.driver.refresh()
    until("them again", lambda: keys() == oldest[:25])
    browser.shot("oldest-first-narrow")
    # Whoever goes back finds in the form what the list is asked for.
    browser.click(".pages button", "Newer")
    until("the next page of them", lambda: keys() == oldest[25:50])
    Select(browser.find("select[name=order]")).select_by_visible_text("newest first")
    browser.fill("[name=text]", "59")
    until("those of them alone", lambda: len(keys()) == 1)
    browser.driver.back()
    until("the first page of them", lambda: keys() == oldest[:25])
    form = "return ['text', 'order', 'limit'].map((name) => document.querySelector(`form [name=${name}]`).value)"
    assert browser.js(form) == ["pages", "oldest", "25"], browser.js(form)


def all_jobs_are_counted_by_status(cluster, browser):
    """What the page says is what a walk over all jobs finds."""

    def counted():
        found, place = {}, ""
        while True:
            page = cluster.call("GET", f"/jobs?limit=1000{place}")
            for job in page["jobs"]:
                found[job["status"]] = found.get(job["status"], 0) + 1
            if "next" not in page:
                return found
            place = f"&after={page['next']}"

    names = {"done": "done", "error": "error", "cancel": "canceled"}
    for _ in range(3):
        cluster.submit("fail")
        cluster.submit("noop")
    jobs = cluster.submit("noop", capacityMap={"gold": 1})
    cluster.call("POST", f"/jobs/{jobs}/cancel")
    browser.sign_in(cluster.url(0), cluster.secrets["viewer"])

    def agrees():
        found, text = counted(), browser.text(".counts")
        return all(f"{found[status]:,} {name}" in text for status, name in names.items()) or None

    until("the page to say how many there are", agrees)
    # Some may run and end in between.
    said = lambda: {status: count for status, count in cluster.call("GET", "/statistics")["jobs"].items() if count}
    until("the API to say the same", lambda: said() == counted() or None)


def a_job_is_submitted_by_what_its_action_declares(cluster, browser):
    browser.sign_in(cluster.url(0), cluster.secrets["operator"])
    browser.click("button", "Submit a job")
    browser.find("#submit-action")
    browser.js("const it = document.querySelector('#submit-action'); it.value = 'talk'; it.dispatchEvent(new Event('change'))")
    browser.find("select[name='p:pause']")
    browser.fill("[name='p:lines']", "0")
    browser.click("dialog button.primary", "Submit")
    browser.until_text("parameters.lines", "dialog .problem")
    assert browser.find("[name='p:lines']").get_attribute("aria-invalid") == "true"
    browser.shot("submit-refused")
    browser.fill("[name='p:lines']", "12")
    browser.js("document.querySelector(\"[name='p:pause']\").value = '0'")
    browser.click("dialog button.primary", "Submit")
    until("the job", lambda: browser.path().startswith("/jobs/"))
    browser.until_text("done", ".title")
    browser.until_text("line 11 of talk", ".log")
    first = browser.path()
    browser.click(".title button", "Submit one like it")
    assert browser.find("[name='p:lines']").get_attribute("value") == "12"
    browser.js("document.querySelector('dialog details').open = true")
    browser.fill("dialog [name=priority]", "80")
    browser.click("dialog button.primary", "Submit")
    until("the other job", lambda: browser.path() != first and browser.has(".facts dd"))
    browser.click(".title button", "Submit one like it")
    assert browser.find("dialog [name=priority]").get_attribute("value") == "80"


def attempts_parent_and_retries_are_told(cluster, browser):
    job = cluster.submit("fail", retries=1)
    cluster.until_status(job, "error")
    browser.sign_in(cluster.url(0), cluster.secrets["operator"])
    browser.go(f"{cluster.url(0)}/jobs/{job}")
    browser.until_text("exit 3")
    browser.until_text("this cannot work", ".log")
    browser.until_text("Retried by", ".facts")
    assert browser.has(".rail .bar.bad")
    link = browser.js("return [...document.querySelectorAll('.facts dt')].find((it) => it.textContent === 'Retried by').nextElementSibling.querySelector('a').pathname")
    browser.go(cluster.url(0) + link)
    browser.until_text("It retries", ".facts")
    browser.click(".title button", "Delete")
    browser.click("dialog button.danger", "Delete")
    until("the list", lambda: browser.path() == "/")
    assert cluster.call("GET", f"/jobs/{link.split('/')[2]}")["status"] == "deleted"


def a_bulk_is_counted_before_it_is_done(cluster, browser):
    jobs = [cluster.submit("sleep", parameters={"seconds": "300", "batch": "bulk"}, capacityMap={"gold": 1}) for _ in range(30)]
    browser.sign_in(cluster.url(0), cluster.secrets["operator"])
    browser.go(f"{cluster.url(0)}/?text=bulk")
    browser.find("tbody tr")
    browser.click("button", "All that match")
    browser.until_text("30 jobs are not over", "dialog")
    assert cluster.call("GET", f"/jobs/{jobs[0]}")["status"] == "waiting", "nothing is done yet"
    browser.axe("the dialog of a bulk")
    browser.shot("bulk")
    browser.click("dialog button.danger", "Cancel 30")
    browser.until_text("30 done", "dialog")
    for job in jobs:
        assert cluster.call("GET", f"/jobs/{job}")["status"] == "cancel"


def workers_show_what_they_hold_and_are_drained_and_resumed(cluster, browser):
    worker = cluster.call("GET", "/workers")["workers"][0]["id"]
    job = cluster.submit("sleep", parameters={"seconds": "300"}, capacityMap={"scan": 2, "memory": 4})
    cluster.until_status(job, "running")
    on = cluster.call("GET", f"/jobs/{job}")["workerID"]
    browser.sign_in(cluster.url(0), cluster.secrets["operator"])
    browser.go(f"{cluster.url(0)}/workers")
    holder = f"[id='{on}']"
    browser.until_text("2 of 2", holder)
    browser.until_text("4 of 4", holder)
    browser.until_text("its lease holds for", holder)
    browser.until_text(job[-8:], holder)
    card = f"[id='{worker}']"
    browser.click(f"{card} button", "Drain")
    browser.click("dialog button.primary", "Drain it")
    browser.until_text("draining", card)
    browser.click(f"{card} button", "Resume")
    browser.until_text("live", card)
    browser.click(f"{card} button", "Capacity")
    browser.fill("dialog [name=capacity]", "scan")
    browser.click("dialog button.primary", "Set it")
    browser.until_text("write NAME=NUMBER", "dialog")
    browser.fill("dialog [name=capacity]", "scan=2, memory=4, disk=7")
    browser.click("dialog button.primary", "Set it")
    browser.until_text("of 7", card)
    cluster.call("POST", f"/workers/{worker}/capacity", {"capacityMap": {"scan": 2, "memory": 4}})
    browser.click("tr[data-key=flood] button", "Pause")
    browser.fill("dialog [name=reason]", "no room")
    browser.click("dialog button.primary", "Pause it")
    browser.until_text("by operator: no room", "tr[data-key=flood]")
    browser.click("tr[data-key=flood] button", "Resume")
    browser.until_text("claimed as they come", "tr[data-key=flood]")
    cluster.call("POST", f"/jobs/{job}/cancel")


def a_cron_is_made_with_a_preview_paused_run_and_told(cluster, browser):
    browser.sign_in(cluster.url(0), cluster.secrets["operator"])
    browser.go(f"{cluster.url(0)}/crons")
    browser.click("button", "New cron")
    browser.find("dialog select[name=action]")
    browser.js("document.querySelector('dialog select[name=action]').value = 'noop'")
    browser.fill("dialog [name=schedule]", "99 * * * *")
    browser.until_text("99", "#preview .problem")
    browser.shot("cron-refused")
    browser.fill("dialog [name=schedule]", "@every 2s")
    until("ten ticks", lambda: len(browser.all("#preview li")) == 10)
    browser.axe("the form for a cron")
    browser.click("dialog button.primary")
    row = "tr[data-key=noop]"
    until("its row", lambda: browser.has(row) and browser.has(".strip a[href='/crons/noop']"))
    until("a tick", lambda: cluster.call("GET", "/crons/noop")["fired"] > 0)
    browser.click(f"{row} button", "Pause")
    browser.until_text("paused", row)
    browser.click(f"{row} button", "Resume")
    until("to be resumed", lambda: "paused" not in browser.text(row))
    before = len(cluster.call("GET", "/jobs?action=noop&limit=1000")["jobs"])
    browser.click(f"{row} button", "Run now")
    until("one more", lambda: len(cluster.call("GET", "/jobs?action=noop&limit=1000")["jobs"]) > before)
    browser.go(f"{cluster.url(0)}/crons/noop")
    browser.find("tbody tr a[href^='/jobs/']")
    cluster.call("DELETE", "/crons/noop")


def a_cron_tells_what_became_of_its_ticks_and_is_edited(cluster, browser):
    cron = {"action": "sleep", "schedule": "@every 2s", "overlap": "skip", "parameters": {"seconds": "300"}}
    made = cluster.call("POST", "/crons", cron)
    browser.sign_in(cluster.url(0), cluster.secrets["operator"])
    browser.go(f"{cluster.url(0)}/crons/sleep")
    browser.until_text("the job before it was not over", "main tbody")
    late = browser.js("return document.querySelector('main tbody tr td:nth-child(4)').textContent")
    assert re.fullmatch(r"\d+ ms|[\d.]+ s", late), late
    browser.until_text("the tick is skipped", "[aria-label='The cron']")
    browser.axe("the history of a cron")
    browser.shot("cron-history")
    browser.click(".title button", "Edit")
    browser.fill("dialog [name=schedule]", "0 0 4 31 2 *")
    until("it to be called what it is", lambda: browser.find("dialog [name=schedule]").get_attribute("aria-invalid") == "true")
    browser.fill("dialog [name=schedule]", "@every 3h")
    until("ten ticks", lambda: len(browser.all("#preview li")) == 10)
    browser.click("dialog button.primary")
    browser.until_text("@every 3h", "[aria-label='The cron']")
    browser.click(".title button", "Delete")
    browser.click("dialog button.danger", "Delete")
    until("the list of crons", lambda: browser.path() == "/crons")
    for job in cluster.call("GET", f"/jobs?cron={made['id']}&running=true")["jobs"]:
        cluster.call("POST", f"/jobs/{job['id']}/cancel")


def an_administrator_sets_retention_gives_tokens_and_reads_the_audit_log(cluster, browser):
    browser.sign_in(cluster.url(0), cluster.secrets["admin"])
    browser.go(f"{cluster.url(0)}/settings")
    browser.find("#retention-title")
    browser.fill("[name=age]", "nonsense")
    browser.click("button", "Set it")
    browser.until_text("jobHistoryMaxAge", ".problem")
    browser.fill("[name=age]", "720h")
    browser.click("button", "Set it")
    until("the setting", lambda: cluster.call("GET", "/meta/settings")["jobHistoryMaxAge"] == "720h")
    browser.click("button", "New token")
    browser.fill("dialog [name=user]", "carol")
    browser.click("dialog button.primary")
    secret = until("the secret", lambda: browser.text(".secret"))
    assert secret.startswith("stint_"), secret
    assert cluster.call("GET", "/jobs", token=secret) is not None
    browser.click("dialog button", "✕")
    browser.click("button[aria-label$='of carol']")
    browser.click("dialog button.danger")
    until("it to be gone", lambda: not browser.has("button[aria-label$='of carol']"))
    browser.click("button", "Look")
    browser.until_text("CreateToken", "#main")
    browser.until_text("RevokeToken", "#main")
    browser.fill("[aria-label='Filter the audit log'] [name=user]", "nobody")
    browser.click("button", "Look")
    browser.until_text("No record matches", "#main")


TESTS = [
    a_list_is_live_and_its_filters_are_in_the_address,
    filters_by_action_worker_and_time_are_the_clusters,
    a_job_that_waits_says_why,
    pages_and_sorting_go_through_many_jobs,
    all_jobs_are_counted_by_status,
    a_job_is_submitted_by_what_its_action_declares,
    attempts_parent_and_retries_are_told,
    a_bulk_is_counted_before_it_is_done,
    workers_show_what_they_hold_and_are_drained_and_resumed,
    a_cron_is_made_with_a_preview_paused_run_and_told,
    a_cron_tells_what_became_of_its_ticks_and_is_edited,
    an_administrator_sets_retention_gives_tokens_and_reads_the_audit_log,
]
