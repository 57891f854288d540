"""How heavy the page is: bytes, the time to the first paint, and what idle pages cost a replica."""

import os
import re
import time
import urllib.request

from cluster import until

BYTES_MAX = 200 * 1024
PAINT_MS_MAX = 300
# Of one core, for ten pages that nothing happens on: what is promised.
IDLE_SHARE_MAX = 0.02
IDLE_SECONDS = float(os.environ.get("STINT_PAGE_IDLE_SECONDS", "10"))
# The replica has other work, and its machine too: what pages cost is seen against what it costs without
# them, each time anew, until once they differ by less than what is promised.
LOOKS_MAX = 5
# As what the metrics count the test's own question for the metrics.
OWN = "other"


def the_first_paint_is_soon_and_all_of_it_is_small(cluster, browser):
    browser.sign_in(cluster.url(0), cluster.secrets["viewer"])
    paints = []
    for place in ["/", "/crons", "/workers", "/cluster", "/settings"] * 3:
        browser.go(cluster.url(0) + place)
        paint = until("a paint", lambda: browser.js("return performance.getEntriesByName('first-contentful-paint')[0]?.startTime"))
        paints.append(paint)
    paints.sort()
    browser.driver.execute_cdp_cmd("Network.clearBrowserCache", {})
    total = 0
    for place in ["/", "/jobs/x", "/crons", "/workers", "/cluster", "/settings"]:
        browser.go(cluster.url(0) + place)
        until("its scripts", lambda: browser.has("main h1"))
        total += browser.js(
            "return performance.getEntriesByType('navigation')[0].transferSize"
            " + performance.getEntriesByType('resource').filter((it) => it.name.includes('/assets/')).reduce((sum, it) => sum + it.transferSize, 0)"
        )
    print(f"        first paint: median {paints[len(paints) // 2]:.0f} ms, worst {paints[-1]:.0f} ms; all pages together {total / 1024:.0f} KiB")
    assert total < BYTES_MAX, total
    assert paints[len(paints) // 2] < PAINT_MS_MAX, paints


def used(cluster):
    """Seconds of a core that replica 0 has had."""
    stat = open(f"/proc/{cluster.processes[0].pid}/stat").read()
    return sum(int(it) for it in stat.rsplit(")")[1].split()[11:13]) / os.sysconf("SC_CLK_TCK")


def requests(cluster):
    """How many requests replica 0 has answered or begun to, by operation."""
    request = urllib.request.Request(f"{cluster.url(0)}/metrics", headers={"Authorization": f"Bearer {cluster.admin}"})
    with urllib.request.urlopen(request, context=cluster.context) as answer:
        lines = answer.read().decode().splitlines()
    counts = {}
    for line in lines:
        if line.startswith("stint_requests_total"):
            route = re.search('route="([^"]*)"', line).group(1)
            counts[route] = counts.get(route, 0) + float(line.rsplit(" ", 1)[1])
    return counts


def rates(cluster):
    """Seconds of a core in a second, and requests in a second by operation, of a while of nothing."""
    before, asked, began = used(cluster), requests(cluster), time.monotonic()
    time.sleep(IDLE_SECONDS)  # a measurement, not a wait
    took = time.monotonic() - began
    share = (used(cluster) - before) / took
    now = requests(cluster)
    return share, {route: (count - asked.get(route, 0)) / took for route, count in now.items() if count > asked.get(route, 0)}


def idle(cluster, browser, what):
    """Holds the windows that are open to what is promised, by looking at them and away in turns."""
    windows = browser.driver.window_handles
    costs = []
    for _ in range(LOOKS_MAX):
        with_pages, asked = rates(cluster)
        hidden(browser, windows, True)
        alone, asked_alone = rates(cluster)
        hidden(browser, windows, False)
        costs.append(with_pages - alone)
        each = {route: rate - asked_alone.get(route, 0) for route, rate in asked.items()}
        if costs[-1] < IDLE_SHARE_MAX:
            break
    words = ", ".join(f"{route} {rate:.2f}" for route, rate in sorted(each.items()) if rate > 0.01)
    print(f"        {what} cost {min(costs) * 100:.2f} % of a core (of {len(costs)} looks; without them it takes {alone * 100:.2f} %); requests a second: {words}")
    assert min(costs) < IDLE_SHARE_MAX, costs


def hidden(browser, windows, is_it):
    """Has all windows be where nobody sees them, or back; and waits until they know."""
    for window in windows:
        browser.driver.switch_to.window(window)
        if not browser.driver.current_url.startswith("https:"):
            continue
        # A browser without a screen hides no window: its pages are told what they would be.
        browser.js(
            "const is = arguments[0];"
            "Object.defineProperty(document, 'hidden', { configurable: true, get: () => is });"
            "Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => is ? 'hidden' : 'visible' });"
            "document.dispatchEvent(new Event('visibilitychange'));",
            is_it,
        )


def ten_idle_pages_cost_a_replica_little(cluster, browser):
    browser.sign_in(cluster.url(0), cluster.secrets["viewer"])
    for place in ["/", "/crons", "/workers", "/cluster", "/settings"] * 2:
        browser.driver.switch_to.new_window("window")
        browser.go(cluster.url(0) + place)
        until(f"{place} to be drawn", lambda: browser.has("main h1"))
    idle(cluster, browser, "ten idle pages")


def ten_idle_browsers_cost_a_replica_little(cluster, browser):
    """Each name is another origin: it has its own watcher, its own connections and its own session."""
    names = [f"browser-{number}.test" for number in range(10)]
    before = requests(cluster).get("Watch", 0)
    for number, name in enumerate(names):
        browser.driver.switch_to.new_window("window")
        url = cluster.url(0).replace(cluster.host, name)
        browser.sign_in(url, cluster.secrets["viewer"])
        browser.go(url + ["/", "/crons", "/workers", "/cluster", "/settings"][number % 5])
        until("it to be drawn", lambda: browser.has("main h1"))
    until("ten watches", lambda: requests(cluster).get("Watch", 0) - before >= 10)
    idle(cluster, browser, "ten idle browsers")


def pages_that_nobody_sees_ask_for_nothing_and_are_current_when_they_are_seen(cluster, browser):
    browser.sign_in(cluster.url(0), cluster.secrets["viewer"])
    browser.find("table.jobs")
    windows = browser.driver.window_handles
    hidden(browser, windows, True)
    # The watch is given up after a while, and then nothing is asked for.

    def nothing():
        asked = {route: rate for route, rate in rates(cluster)[1].items() if route != OWN or rate > 1.5 / IDLE_SECONDS}
        if asked:
            raise RuntimeError(f"a second: {asked}")
        return True

    until("nothing to be asked for", nothing)
    job = cluster.submit("noop")
    cluster.until_status(job, "done")
    assert not browser.has(f"tr[data-key='{job}']"), "nobody sees it"
    hidden(browser, windows, False)
    browser.until_text("done", f"tr[data-key='{job}']")
    again = cluster.submit("noop")
    browser.until_text("done", f"tr[data-key='{again}']")


TESTS = [
    the_first_paint_is_soon_and_all_of_it_is_small,
    ten_idle_pages_cost_a_replica_little,
    ten_idle_browsers_cost_a_replica_little,
    pages_that_nobody_sees_ask_for_nothing_and_are_current_when_they_are_seen,
]
