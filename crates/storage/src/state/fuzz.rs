//! Records of history behind a good checksum, whatever they are.

use super::record::Record;

#[test]
fn a_record_is_refused_or_comes_back_as_it_was() {
    bolero::check!().for_each(|bytes| {
        let Some(record) = Record::decode([7; 16], bytes) else { return };
        assert_eq!(Record::decode([7; 16], &record.encode()).as_ref(), Some(&record));
        let _keys = record.keys();
    });
}
