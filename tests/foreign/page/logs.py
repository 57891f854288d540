"""The output of jobs."""

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


TESTS = [output_is_followed_searched_and_told_apart, a_hundred_thousand_lines_stay_smooth]
