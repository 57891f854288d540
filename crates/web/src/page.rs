//! The table of pages: where each is, what it is called, and which module draws it.

/// One page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Page {
    /// All jobs.
    Jobs,
    /// One job with its output.
    Job,
    /// All crons, and one of them.
    Crons,
    /// All workers.
    Workers,
    /// The members of the cluster, and what happened lately.
    Cluster,
    /// Retention, tokens and the audit log.
    Settings,
}

impl Page {
    /// All of them, in the order of the navigation.
    pub const ALL: [Self; 6] =
        [Self::Jobs, Self::Job, Self::Crons, Self::Workers, Self::Cluster, Self::Settings];

    /// The page at a path, if there is one.
    pub fn at(path: &str) -> Option<Self> {
        let mut parts = path.strip_prefix('/')?.split('/');
        let page = match (parts.next()?, parts.next()) {
            ("", None) => Self::Jobs,
            ("jobs", Some(id)) if !id.is_empty() => Self::Job,
            ("crons", _) => Self::Crons,
            ("workers", None) => Self::Workers,
            ("cluster", None) => Self::Cluster,
            ("settings", None) => Self::Settings,
            _ => return None,
        };
        parts.next().is_none().then_some(page)
    }

    /// Where it is, if it is in the navigation.
    pub const fn path(self) -> Option<&'static str> {
        match self {
            Self::Jobs => Some("/"),
            Self::Job => None,
            Self::Crons => Some("/crons"),
            Self::Workers => Some("/workers"),
            Self::Cluster => Some("/cluster"),
            Self::Settings => Some("/settings"),
        }
    }

    /// Its name.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Jobs => "Jobs",
            Self::Job => "Job",
            Self::Crons => "Crons",
            Self::Workers => "Workers",
            Self::Cluster => "Cluster",
            Self::Settings => "Settings",
        }
    }

    /// The module that draws it.
    pub const fn module(self) -> &'static str {
        match self {
            Self::Jobs => "jobs.js",
            Self::Job => "job.js",
            Self::Crons => "crons.js",
            Self::Workers => "workers.js",
            Self::Cluster => "cluster.js",
            Self::Settings => "settings.js",
        }
    }

    /// The one that the navigation shows as the current one.
    #[must_use]
    pub const fn section(self) -> Self {
        match self {
            Self::Jobs | Self::Job => Self::Jobs,
            Self::Crons => Self::Crons,
            Self::Workers => Self::Workers,
            Self::Cluster => Self::Cluster,
            Self::Settings => Self::Settings,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Asset;

    #[test]
    fn each_page_is_where_it_says_and_has_its_module() {
        for page in Page::ALL {
            assert!(Asset::named(page.module()).is_some(), "{page:?}");
            if let Some(path) = page.path() {
                assert_eq!(Page::at(path), Some(page));
            }
        }
        assert_eq!(Page::at("/jobs/0190"), Some(Page::Job));
        assert_eq!(Page::at("/crons/backup"), Some(Page::Crons));
        for path in ["", "/x", "/jobs", "/jobs/", "/jobs/a/b", "/workers/a", "/api/v0/jobs", "//"] {
            assert_eq!(Page::at(path), None, "{path}");
        }
    }
}
