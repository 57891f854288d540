//! A family on a cluster where everything is encrypted and nobody is let in without a token: the
//! command line of a job's process needs nothing but what its worker tells it.

use super::{ends, lines};
use crate::harness::program::STINT;
use crate::harness::{Cluster, Options};

/// The parent is never told where the cluster is, how to believe it, or who it is.
fn actions(rest: &str) -> &'static str {
    let text = format!(
        "[actions.parent]\nchildren = true\ncommand = [\"sh\", \"-c\", '''
set -e
case \"$STINT_CA\" in /*) ;; *) echo no authority >&2; exit 9;; esac
for code in $STINT_PARAM_CODES; do
  {STINT} job submit child -p CODE=$code --idempotency-key $code
done
{rest}
''']\n\n[actions.child]\ncommand = [\"sh\", \"-c\", \"echo $STINT_CA$STINT_TOKEN; exit $STINT_PARAM_CODE\"]\n"
    );
    Box::leak(text.into_boxed_str())
}

#[test]
fn a_family_needs_no_more_than_its_worker_tells_it_where_all_is_encrypted_and_closed() {
    let rest = format!("{STINT} job wait --children && {STINT} job get $STINT_JOB_ID > /dev/null");
    let options =
        Options { tls: true, is_closed: true, actions: actions(&rest), ..Options::default() };
    let cluster = Cluster::start(&options);
    let submit = |codes: &str| {
        cluster.submit(0, &format!(r#"{{"action":"parent","parameters":{{"CODES":"{codes}"}}}}"#))
    };
    let (good, bad) = (submit("0"), submit("0 3"));

    let job = cluster.wait_for_status(1, &good, "done");
    assert_eq!((&job["childrenLeft"], &job["childrenFailed"]), (&0.into(), &0.into()), "{job}");
    let children = lines(&cluster, 2, &good);
    assert_eq!(children.len(), 1, "{children:?}");
    let child = cluster.job(2, &children[0]);
    assert_eq!((&child["status"], &child["parentID"]), (&"done".into(), &good.as_str().into()));
    assert_eq!(lines(&cluster, 0, &children[0]), [""], "who may have no children is told nothing");

    // The wait itself tells that one of them has failed.
    let job = cluster.wait_for_status(1, &bad, "error");
    assert_eq!(ends(&job), ["exited"], "{job}");
    assert_eq!((&job["childrenFailed"], &job["attempts"][0]["exitCode"]), (&1.into(), &1.into()));
}
