//! What the server itself draws: the frame around every page, and the pages without one.

use askama::Template;

use crate::asset::VERSION;
use crate::page::Page;

/// The frame of a page: who has signed in, where one can go. The page's module fills it.
#[derive(Debug, Template)]
#[template(path = "frame.html")]
pub struct Frame<'a> {
    /// Which page it is.
    pub page: Page,
    /// Who has signed in; empty in an open cluster.
    pub user: &'a str,
    /// With which role.
    pub role: &'a str,
    /// The operations that this user may do, by their names, with spaces between.
    pub may: &'a str,
    /// Whether anybody may do anything.
    pub is_open: bool,
    /// The replica that answers.
    pub replica: &'a str,
    /// The version of the program.
    pub version: &'a str,
}

impl Frame<'_> {
    /// The pages of the navigation and their paths.
    fn sections() -> impl Iterator<Item = (Page, &'static str)> {
        Page::ALL.into_iter().filter_map(|page| page.path().map(|path| (page, path)))
    }

    /// The whole document.
    pub fn html(&self) -> String {
        rendered(self)
    }
}

/// Where somebody signs in.
#[derive(Debug, Template)]
#[template(path = "login.html")]
pub struct Login<'a> {
    /// Why it did not work; empty at first.
    pub problem: &'a str,
    /// The page that was asked for.
    pub next: &'a str,
    /// The replica that answers.
    pub replica: &'a str,
}

impl Login<'_> {
    /// The whole document.
    pub fn html(&self) -> String {
        rendered(self)
    }
}

/// Something to say instead of a page; the browser asks again by itself.
#[derive(Debug, Template)]
#[template(path = "notice.html")]
pub struct Notice<'a> {
    /// What it is.
    pub title: &'a str,
    /// More of it.
    pub text: &'a str,
}

impl Notice<'_> {
    /// The whole document.
    pub fn html(&self) -> String {
        rendered(self)
    }
}

fn rendered(template: &impl Template) -> String {
    template.render().expect("writing to memory does not fail")
}

/// The address of a file, for the templates.
fn asset(name: &str) -> String {
    format!("/assets/{}/{name}", *VERSION)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(user: &str) -> Frame<'_> {
        Frame {
            page: Page::Job,
            user,
            role: "viewer",
            may: "GetJob",
            is_open: false,
            replica: "00000000000a",
            version: "1",
        }
    }

    #[test]
    fn what_a_user_is_called_is_text_and_no_markup() {
        let html = frame("<img src=x onerror=alert(1)>\"'").html();
        assert!(!html.contains("<img"), "{html}");
        assert!(html.contains("&#60;img"), "{html}");
        let login = Login { problem: "<b>", next: "\"><script>", replica: "" }.html();
        assert!(!login.contains("<b>") && !login.contains("<script>"), "{login}");
    }

    #[test]
    fn nothing_in_a_document_is_a_script_or_a_style_of_its_own() {
        let documents = [
            frame("ann").html(),
            Login { problem: "", next: "/", replica: "" }.html(),
            Notice { title: "a", text: "b" }.html(),
        ];
        for html in documents {
            assert!(!html.contains("style=") && !html.contains("<style"), "{html}");
            assert!(!html.contains(" on") || !html.contains("onclick"), "{html}");
            for script in html.split("<script").skip(1) {
                assert!(script.starts_with(" type=\"module\" src=\"/assets/"), "{script}");
                assert!(script.contains("></script>"), "{script}");
            }
        }
    }

    #[test]
    fn the_navigation_says_where_one_is() {
        let html = frame("ann").html();
        assert_eq!(html.matches("aria-current=\"page\"").count(), 1);
        assert!(html.contains("<a href=\"/\" aria-current=\"page\">Jobs</a>"), "{html}");
    }
}
