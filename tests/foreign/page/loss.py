"""What is seen when the leader dies, when most replicas die, and when the page's own one does."""

from cluster import IDS, until


def a_log_is_followed_while_the_leader_dies(cluster, browser):
    leader = cluster.leader()
    here = (leader + 1) % 3
    browser.sign_in(cluster.url(here), cluster.secrets["viewer"])
    job = cluster.submit("talk", parameters={"lines": "100"})
    browser.go(f"{cluster.url(here)}/jobs/{job}")
    browser.until_text("line 5 of talk", ".log")
    cluster.kill(leader)
    # The run goes on, or another worker begins it anew; either way all of it is here, in its order.
    browser.until_text("line 99 of talk", ".log")
    browser.until_text("done", ".title")
    shown = browser.js("return [...document.querySelectorAll('.line')].map((it) => it.dataset.n.split(' ')[0])")
    kept = cluster.call("GET", f"/jobs/{job}/logs", at=here)
    assert shown == [str(line["lineNum"]) for line in kept], (shown, len(kept))
    cluster.start(leader)
    until("all to be back", lambda: cluster.call("GET", "/workers", at=leader))


def a_replica_that_is_gone_is_told_in_words(cluster, browser):
    leader = cluster.leader()
    gone = (leader + 1) % 3
    browser.sign_in(cluster.url(leader), cluster.secrets["viewer"])
    browser.go(f"{cluster.url(leader)}/cluster")
    until("three that are well", lambda: browser.text("main tbody").count("well") == 3)
    cluster.kill(gone)
    browser.until_text("it has not been heard of lately", "main tbody")
    browser.until_text(IDS[gone], "#banners")
    browser.axe("a replica that is gone")
    browser.shot("one-is-gone")
    cluster.start(gone)
    until("three that are well again", lambda: browser.text("main tbody").count("well") == 3)
    until("nothing to be warned of", lambda: IDS[gone] not in browser.text("#banners"))


def a_page_that_loses_the_leader_says_so_and_recovers(cluster, browser):
    browser.sign_in(cluster.url(0), cluster.secrets["operator"])
    cluster.kill(1)
    cluster.kill(2)
    browser.until_text("has no leader", "#banners")
    browser.shot("no-leader")
    browser.axe("without a leader")
    cluster.start(1)
    cluster.start(2)
    until("the banner to go", lambda: "leader" not in browser.text("#banners"))
    job = cluster.submit("noop")
    browser.until_text("done", f"tr[data-key='{job}']")


def a_page_that_loses_its_replica_says_so_and_recovers(cluster, browser):
    browser.sign_in(cluster.url(0), cluster.secrets["operator"])
    talk = cluster.submit("talk", parameters={"lines": "300"})
    browser.go(f"{cluster.url(0)}/jobs/{talk}")
    browser.until_text("line 3 of talk", ".log")
    cluster.kill(0)
    browser.until_text("has lost its replica", "#banners")
    browser.until_text("0000000b", "#banners")
    browser.shot("no-replica")
    cluster.start(0)
    until("the banner to go", lambda: "lost its replica" not in browser.text("#banners"))
    browser.until_text("line 299 of talk", ".log")
    browser.until_text("done", ".title")


TESTS = [
    a_log_is_followed_while_the_leader_dies,
    a_replica_that_is_gone_is_told_in_words,
    a_page_that_loses_the_leader_says_so_and_recovers,
    a_page_that_loses_its_replica_says_so_and_recovers,
]
