//! What is typed after `/`: which rows are shown.

use stint_client::v0::ListJobsRequest;

use crate::limits;

/// Words that a row has, and conditions that the cluster looks for among all jobs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Filter {
    /// As it was typed.
    pub(crate) text: String,
}

/// What the cluster can look for.
const CONDITIONS: [&str; 6] = ["action", "worker", "status", "text", "running", "order"];

impl Filter {
    pub(crate) fn of(text: &str) -> Self {
        Self { text: text.trim().to_owned() }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// The words that are looked for in the rows themselves, in lower case.
    pub(crate) fn words(&self) -> Vec<String> {
        let words = self.text.split_whitespace().filter(|word| condition(word).is_none());
        words.map(str::to_lowercase).collect()
    }

    /// What the cluster is asked for.
    pub(crate) fn request(&self, limit: u32) -> ListJobsRequest {
        let mut request =
            ListJobsRequest { limit: Some(limit.min(limits::JOBS_MAX)), ..Default::default() };
        for (name, value) in self.text.split_whitespace().filter_map(condition) {
            let field = match name {
                "action" => &mut request.action,
                "worker" => &mut request.worker,
                "status" => &mut request.status,
                "running" => &mut request.running,
                "order" => &mut request.order,
                _ => &mut request.text,
            };
            value.clone_into(field);
        }
        request
    }
}

/// The name and the value, if it is a condition.
fn condition(word: &str) -> Option<(&str, &str)> {
    word.split_once('=').filter(|(name, _)| CONDITIONS.contains(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_go_to_the_cluster_and_words_to_the_rows() {
        let filter = Filter::of(" status=running,waiting Scan action=scan a=b order=oldest ");
        let request = filter.request(200);
        assert_eq!((request.status.as_str(), request.action.as_str()), ("running,waiting", "scan"));
        assert_eq!((request.limit, request.order.as_str()), (Some(200), "oldest"));
        assert_eq!(filter.words(), ["scan", "a=b"]);
    }

    #[test]
    fn nothing_typed_is_no_filter() {
        let filter = Filter::of("  ");
        assert!(filter.is_empty() && filter.words().is_empty());
        assert_eq!(filter.request(5), ListJobsRequest { limit: Some(5), ..Default::default() });
    }
}
