//! Makes a history that fails shorter, as long as it fails.

use super::play::{Beginning, Failure, play};
use super::script::Step;

/// The shortest history that was found, and how it fails: nothing after the failure, and nothing
/// before it that can be taken out.
pub(crate) fn shrink(
    beginning: Beginning,
    mut steps: Vec<Step>,
    mut failure: Failure,
) -> (Vec<Step>, Failure) {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    steps.truncate(failure.step + 1);
    let mut size = steps.len() / 2;
    while size > 0 {
        let mut from = 0;
        while from + size <= steps.len() {
            let mut fewer = steps.clone();
            fewer.drain(from..from + size);
            match play(beginning, &fewer) {
                Ok(_) => from += size,
                Err(other) => {
                    fewer.truncate(other.step + 1);
                    (steps, failure) = (fewer, other);
                }
            }
        }
        size /= 2;
    }
    std::panic::set_hook(hook);
    (steps, failure)
}
