//! Output has no gap, is the same on all replicas, and was sent to followers as it is.

use super::Found;

pub(super) fn check(found: &Found, wrong: &mut Vec<String>) {
    let Some(first) = found.lines.first() else { return };
    for (id, lines) in first {
        for (at, (number, _)) in lines.iter().enumerate() {
            if u64::try_from(at) != Ok(*number) {
                wrong.push(format!("job {id}: line {number} stands where {at} should: {lines:?}"));
                break;
            }
        }
        for (i, other) in found.lines.iter().enumerate() {
            if other.get(id) != Some(lines) {
                wrong.push(format!("job {id}: replica {i} has {:?}, not {lines:?}", other.get(id)));
            }
        }
        if let Some(sent) = found.followed.get(id)
            && sent != lines
        {
            wrong.push(format!("job {id}: its follower was sent {sent:?}, not {lines:?}"));
        }
    }
}
