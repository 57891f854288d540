//! What guards the runs of a real replica.

use super::lines;
use crate::harness::program::STINT;
use crate::harness::{Cluster, Options};

const ACTIONS: &str = r#"
[actions.look]
command = ["sh", "-c", "readlink /proc/$PPID/exe; grep -E 'VmHWM|RssAnon' /proc/$PPID/status"]
"#;

/// Kilobytes of what a guardian may have had in memory at any time: all of its files, which it keeps there
/// and shares with the others. Debug builds have the largest.
const MOST: u64 = 5 * 1024;
/// Of these, what is its own.
const OWN: u64 = 512;

#[test]
fn a_run_is_guarded_by_the_small_program_which_has_half_a_mebibyte_of_its_own() {
    let cluster = Cluster::start(&Options { actions: ACTIONS, ..Options::default() });
    for _ in 0..5 {
        let id = cluster.submit(0, r#"{"action":"look"}"#);
        cluster.wait_for_status(0, &id, "done");
        let said = lines(&cluster, 0, &id);
        assert!(said[0].ends_with("-guardian") && said[0].starts_with(STINT), "{said:?}");
        for (line, name, most) in [(&said[1], "VmHWM:", MOST), (&said[2], "RssAnon:", OWN)] {
            let mut words = line.split_ascii_whitespace();
            assert_eq!(words.next(), Some(name), "{said:?}");
            let size = words.next().and_then(|size| size.parse().ok());
            assert!(size.is_some_and(|size: u64| size < most), "{said:?}");
        }
    }
    for i in 0..cluster.replicas.len() {
        assert!(!cluster.log(i).contains("small program"), "{}", cluster.log_tail(i));
    }
}
