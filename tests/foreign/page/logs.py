"""The output of jobs."""

from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from cluster import until


def output_is_followed_searched_and_told_apart(cluster, browser):
    browser.sign_in(cluster.url(0), cluster.secrets["viewer"])
    job = cluster.submit("talk", parameters={"lines": "60"})
    browser.go(f"{cluster.url(0)}/jobs/{job}")
    browser.until_text("line 5 of talk", ".log")
    browser.until_text("following", ".output")
    browser.until_text("line 59 of talk", ".log")
    browser.until_text("done", ".title")
    color = browser.js("return getComputedStyle(document.querySelector('.line .c-2')).color")
    assert color != browser.js("return getComputedStyle(document.querySelector('.line')).color"), color
    assert "\x1b" not in browser.text(".log")
    errors = browser.js("return [...document.querySelectorAll('.line.stderr')].map((it) => it.textContent)")
    assert errors == [f"complaint {number}" for number in range(3, 60, 10)], errors
    browser.find(".output [type=search]").send_keys("complaint 4", Keys.ENTER)
    browser.until_text("of 1", ".output")
    assert "complaint 43" in browser.find(".line.current").text
    browser.find(".output [type=search]").clear()
    browser.js("const it = document.querySelector('[aria-label=\"Which lines\"]'); it.value = 'stderr'; it.dispatchEvent(new Event('change'))")
    until("the complaints alone", lambda: len(browser.all(".line")) == 6)
    browser.shot("output")


def output_is_read_from_both_ends_wrapped_and_downloaded(cluster, browser):
    job = cluster.submit("flood", parameters={"n": "25000"})
    cluster.until_status(job, "done")
    browser.sign_in(cluster.url(0), cluster.secrets["viewer"])
    folder = cluster.work / "downloads"
    browser.driver.execute_cdp_cmd("Page.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(folder)})
    browser.go(f"{cluster.url(0)}/jobs/{job}")
    browser.until_text("25000", ".log")
    browser.until_text("1,000 lines", ".output")
    browser.click(".log button", "Earlier lines: 24,000")
    browser.until_text("11,000 lines", ".output")
    browser.click(".output button", "Start")
    browser.until_text("\n2\n", ".log")
    browser.until_text("10,000 lines", ".output")
    browser.click(".log button", "Later lines")
    browser.until_text("20,000 lines", ".output")
    browser.click(".log button", "Later lines")
    browser.until_text("25,000 lines", ".output")
    assert not browser.has(".log .more:not([hidden])")
    browser.click(".output button", "Download")
    text = "".join(f"{number}\n" for number in range(1, 25001))
    until("the whole file", lambda: (folder / f"{job}.log").read_text() == text)

    job = cluster.submit("say", parameters={"text": "word " * 300 + "end"})
    cluster.until_status(job, "done")
    browser.go(f"{cluster.url(0)}/jobs/{job}")
    browser.until_text("word", ".log")
    beyond = lambda: browser.js("const it = document.querySelector('.log'); return it.scrollWidth - it.clientWidth")
    assert beyond() > 500, beyond()
    browser.click(".output .check input")
    until("no line to go beyond the edge", lambda: beyond() <= 0)
    assert browser.js("return document.querySelector('.line').offsetHeight > 2 * parseFloat(getComputedStyle(document.querySelector('.lines')).lineHeight)")


def a_hundred_thousand_lines_stay_smooth(cluster, browser):
    job = cluster.submit("flood", parameters={"n": "100000"})
    cluster.until_status(job, "done")
    browser.sign_in(cluster.url(0), cluster.secrets["viewer"])
    browser.go(f"{cluster.url(0)}/jobs/{job}")
    browser.until_text("100000", ".log")
    browser.js("const it = document.querySelector('[aria-label=\"How many lines\"]'); it.value = '100000'; it.dispatchEvent(new Event('change'))")
    browser.until_text("100,000 lines", ".output")
    elements = browser.js("return document.querySelectorAll('.line').length")
    assert elements < 3000, f"{elements} of them are elements"
    # Scrolling through all of it in 120 frames: how long the slow ones take.
    script = """
        const done = arguments[0];
        const log = document.querySelector(".log");
        const times = [];
        let frame = 0;
        let last = performance.now();
        function step(now) {
          times.push(now - last);
          last = now;
          log.scrollTop = (log.scrollHeight * frame) / 120;
          frame += 1;
          if (frame < 120) requestAnimationFrame(step);
          else done(times.sort((a, b) => a - b));
        }
        requestAnimationFrame(step);
    """
    browser.press("f")
    times = browser.driver.execute_async_script(script)
    print(f"        frames of 100,000 lines: median {times[60]:.0f} ms, 95 % {times[114]:.0f} ms, worst {times[-1]:.0f} ms")
    assert times[60] < 100, times
    browser.click(".output button", "Start")
    until("the first line", lambda: browser.js("return document.querySelector('.log').scrollTop") == 0)
    browser.until_text("\n2\n", ".log")
    browser.click(".output button", "End")
    browser.until_text("100000", ".log")
    elements = until("few elements", lambda: (count := browser.js("return document.querySelectorAll('.line').length")) < 3000 and count)
    assert elements > 20
    # Whoever takes the bar looks elsewhere, and is not taken back to the end by the next line.
    browser.find("[aria-pressed=true]")
    log = browser.find(".log")
    ActionChains(browser.driver).move_to_element_with_offset(log, log.size["width"] // 2 - 6, 0).click().perform()
    browser.find("[aria-pressed=false]")


TESTS = [output_is_followed_searched_and_told_apart, output_is_read_from_both_ends_wrapped_and_downloaded, a_hundred_thousand_lines_stay_smooth]
