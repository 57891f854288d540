"""One Chromium, and what tests do with it."""

import json

from axe_selenium_python import Axe
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from cluster import until


class Browser:
    def __init__(self, shots, host, width=1280, height=860, dark=False):
        options = webdriver.ChromeOptions()
        options.binary_location = "/usr/bin/chromium"
        # The certificates are of an authority that is made for the test. Root runs it in CI.
        for argument in ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--ignore-certificate-errors"]:
            options.add_argument(argument)
        # Other names of the same replicas: other origins to the browser.
        options.add_argument(f"--host-resolver-rules=MAP browser-*.test {host}")
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))
        self.driver.set_script_timeout(60)
        self.shots = shots
        self.look(width, height, dark)

    def look(self, width=1280, height=860, dark=False):
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": scheme})

    def quit(self):
        self.driver.quit()

    def go(self, url):
        self.driver.get(url)

    def sign_in(self, url, secret):
        self.go(f"{url}/login")
        self.find("#token").send_keys(secret, Keys.ENTER)
        until("the list of jobs", lambda: self.path() == "/" and self.has("table.jobs"))

    def path(self):
        return self.js("return location.pathname + location.search")

    def js(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def find(self, selector):
        return until(selector, lambda: self.driver.find_element(By.CSS_SELECTOR, selector))

    def all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def has(self, selector):
        return bool(self.all(selector))

    def text(self, selector="body"):
        return self.js("return document.querySelector(arguments[0])?.innerText ?? ''", selector)

    def until_text(self, words, selector="body"):
        until(f"{words!r} in {selector}", lambda: words in self.text(selector) or None)

    def click(self, selector, words=None):
        """Clicks what there is, in one go: a page that lives may draw it anew in between."""
        script = """
            const [selector, words] = arguments;
            const all = [...document.querySelectorAll(selector)].filter((it) => !it.disabled && it.checkVisibility());
            const found = all.find((it) => !words || it.textContent.includes(words) || it.ariaLabel?.includes(words));
            found?.click();
            return Boolean(found);
        """
        until(f"{selector} with {words!r} to click", lambda: self.js(script, selector, words))

    def fill(self, selector, text):
        element = self.find(selector)
        element.clear()
        element.send_keys(text)

    def press(self, *keys):
        webdriver.ActionChains(self.driver).send_keys(*keys).perform()

    def shot(self, name):
        self.driver.save_screenshot(f"{self.shots}/{name}.png")

    def problems(self):
        """What the console says of scripts and of the policy; not what the network did."""
        entries = [it for it in self.driver.get_log("browser") if it["level"] == "SEVERE"]
        return [it["message"] for it in entries if it["source"] != "network"]

    def axe(self, what):
        """No finding of axe that is serious or critical."""
        axe = Axe(self.driver)
        # As CDP runs it, no policy of the page is in its way.
        self.driver.execute_cdp_cmd("Runtime.evaluate", {"expression": open(axe.script_url).read()})
        script = "const done = arguments[0]; axe.run({resultTypes: ['violations']}).then(done, (error) => done(String(error)))"
        results = self.driver.execute_async_script(script)
        serious = [it for it in results["violations"] if it["impact"] in ("serious", "critical")]
        told = [(it["id"], it["impact"], [node["html"][:140] for node in it["nodes"][:3]], it["nodes"][0]["failureSummary"]) for it in serious]
        assert not told, f"{what}: {json.dumps(told, indent=1)}"
