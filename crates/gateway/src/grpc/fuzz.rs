//! Messages, whatever they are: read, or refused by the contract's codes.

use prost::Message;
use stint_proto::v0;

use super::shape;
use crate::api::ApiError;

/// Reads the message, and then what it means.
fn read<M: Message + Default, T>(
    bytes: &[u8],
    meaning: impl FnOnce(M) -> Result<T, ApiError>,
) -> Option<ApiError> {
    meaning(M::decode(bytes).ok()?).err()
}

#[test]
fn a_message_is_read_or_refused_by_the_clients_own_fault() {
    bolero::check!().for_each(|bytes| {
        let Some((choice, message)) = bytes.split_first() else { return };
        let refused = match choice % 6 {
            0 => read(message, shape::submission),
            1 => read(message, shape::token_request),
            2 => read(message, shape::cron_form),
            3 => read(message, shape::selection_of_list),
            4 => read(message, shape::bulk_form),
            _ => read(message, |wanted: v0::SetWorkerCapacityRequest| {
                shape::capacity(wanted.capacity_map)
            }),
        };
        if let Some(refused) = refused {
            let told = refused.to_string();
            assert!(!told.is_empty() && told.len() < 2_048, "{told}");
            let code = refused.code();
            assert!(!matches!(code, "INTERNAL_ERROR" | "NO_LEADER"), "{code}: {told}");
        }
    });
}
