"""Pages of elsewhere, in the same browser in which somebody has signed in."""

import http.server
import threading

from cluster import until

PAGE = """<!doctype html><title>elsewhere</title>
<form id="form" method="post" action="{url}/api/v0/jobs/{job}/cancel" target="frame"><button>x</button></form>
<form id="out" method="post" action="{url}/logout" target="frame2"></form>
<iframe name="frame"></iframe><iframe name="frame2"></iframe><iframe src="{url}/"></iframe>
<script>
const tries = [
  fetch("{url}/api/v0/jobs/{job}/cancel", {{method: "POST", credentials: "include", mode: "no-cors"}}),
  fetch("{url}/api/v0/jobs/{job}/cancel", {{method: "POST", credentials: "include", headers: {{"x-stint-page": "1"}}}}),
  fetch("{url}/api/v0/jobs/{job}", {{credentials: "include"}}).then((it) => it.text()),
];
document.getElementById("form").submit();
document.getElementById("out").submit();
Promise.allSettled(tries).then((all) => {{ document.title = all.map((it) => it.status + (it.value ?? "")).join(); }});
</script>"""


def a_page_of_elsewhere_changes_and_reads_nothing(cluster, browser):
    job = cluster.submit("sleep", parameters={"seconds": "300"})
    cluster.until_status(job, "running")
    browser.sign_in(cluster.url(0), cluster.secrets["admin"])
    page = PAGE.format(url=cluster.url(0), job=job).encode()

    class Elsewhere(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    browser.go(f"http://127.0.0.1:{server.server_port}/")
    until("its tries", lambda: "," in browser.driver.title)
    assert "action" not in browser.driver.title, browser.driver.title
    assert browser.driver.title.count("rejected") == 2, browser.driver.title
    server.shutdown()
    browser.problems()
    assert cluster.call("GET", f"/jobs/{job}")["status"] == "running"
    # The session is what it was.
    browser.go(f"{cluster.url(0)}/jobs/{job}")
    browser.click(".title button", "Cancel")
    cluster.until_status(job, "cancel")
    until("no more to say", lambda: browser.problems() == [])


TESTS = [a_page_of_elsewhere_changes_and_reads_nothing]
