//! What guards the runs of a real replica.

use super::lines;
use crate::harness::program::STINT;
use crate::harness::{Cluster, Options};

const ACTIONS: &str = r#"
[actions.look]
command = ["sh", "-c", "readlink /proc/$PPID/exe; grep VmHWM /proc/$PPID/status"]
"#;

/// Kilobytes of what a guardian may have had in memory at any time.
const MOST: u64 = 3 * 1024;

#[test]
fn a_run_is_guarded_by_the_small_program_which_has_less_than_three_mebibytes() {
    let cluster = Cluster::start(&Options { actions: ACTIONS, ..Options::default() });
    for _ in 0..5 {
        let id = cluster.submit(0, r#"{"action":"look"}"#);
        cluster.wait_for_status(0, &id, "done");
        let said = lines(&cluster, 0, &id);
        assert!(said[0].ends_with("-guardian") && said[0].starts_with(STINT), "{said:?}");
        let size = said[1].split_ascii_whitespace().nth(1).expect("a size");
        assert!(size.parse::<u64>().expect("a number") < MOST, "{said:?}");
    }
    for i in 0..cluster.replicas.len() {
        assert!(!cluster.log(i).contains("small program"), "{}", cluster.log_tail(i));
    }
}
