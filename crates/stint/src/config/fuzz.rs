//! Configuration files, whatever they are: read, or refused with the file and the place.

use std::path::Path;

use super::{check, place::Source, show};

#[test]
fn a_configuration_is_read_or_refused_by_its_place() {
    bolero::check!().for_each(|bytes| {
        let text = String::from_utf8_lossy(bytes);
        let file = Path::new("stint.toml");
        let source = Source { file, text: &text, parts: &[] };
        match check::config(source) {
            Ok(_config) => drop(
                show::text(source, show::Reader::Operator).expect("what was read can be shown"),
            ),
            Err(error) => assert!(error.to_string().contains("stint.toml"), "{error}"),
        }
    });
}
