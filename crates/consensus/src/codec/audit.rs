//! Who asked for a change: in a proposal, and in the audit log.

use bytes::Bytes;
use prost::Message as _;
use stint_proto::log::v1 as pb;

use super::reply::{decode_refusal, encode_refusal};
use super::token::token_id;
use super::{Decoded, at, decode, missing};
use crate::audit::{AuditRecord, Origin};

/// Puts the origin behind an encoded command. Messages of protobuf that stand one after the other
/// are one message.
pub(crate) fn with_origin(command: &Bytes, of: &Origin) -> Bytes {
    let behind = pb::Proposal { origin: Some(origin(of)), ..pb::Proposal::default() };
    let mut bytes = Vec::with_capacity(command.len() + behind.encoded_len());
    bytes.extend_from_slice(command);
    bytes.extend(behind.encode_to_vec());
    bytes.into()
}

fn origin(origin: &Origin) -> pb::Origin {
    pb::Origin {
        user: origin.user.clone(),
        token: origin.token.map(|id| id.to_bytes().to_vec()).unwrap_or_default(),
        remote: origin.remote.clone(),
        request_id: origin.request_id.clone(),
    }
}

pub(super) fn origin_of(origin: pb::Origin) -> Decoded<Origin> {
    let pb::Origin { user, token, remote, request_id } = origin;
    let token = if token.is_empty() { None } else { Some(token_id(&token)?) };
    Ok(Origin { user, token, remote, request_id })
}

pub(crate) fn encode_audit(record: &AuditRecord) -> Vec<u8> {
    pb::AuditRecord {
        at_ms: record.at.as_ms(),
        origin: Some(origin(&record.origin)),
        operation: record.operation.clone(),
        object: record.object.clone(),
        refusal: record.refusal.as_ref().map(encode_refusal).unwrap_or_default(),
    }
    .encode_to_vec()
}

pub(crate) fn decode_audit(index: u64, bytes: &[u8]) -> Decoded<AuditRecord> {
    let record: pb::AuditRecord = decode("audit record", bytes)?;
    let refusal = &record.refusal;
    Ok(AuditRecord {
        index,
        at: at(record.at_ms),
        origin: origin_of(record.origin.ok_or_else(|| missing("origin"))?)?,
        operation: record.operation,
        object: record.object,
        refusal: if refusal.is_empty() { None } else { Some(decode_refusal(refusal)?) },
    })
}

#[cfg(test)]
mod tests {
    use stint_core::{Command, JobId, Refusal, TokenId};

    use super::super::{decode_audited, encode_command, stamp};
    use super::*;

    fn someone() -> Origin {
        Origin {
            user: "ann".to_owned(),
            token: Some(TokenId::from_bytes([6; 16])),
            remote: "127.0.0.1:50000".to_owned(),
            request_id: "build-42".to_owned(),
        }
    }

    #[test]
    fn a_proposal_says_who_asked_if_somebody_did() {
        let command = Command::Cancel { job: JobId::from_bytes([1; 16]) };
        let bare = encode_command(&command);
        for origin in [None, Some(Origin::default()), Some(someone())] {
            let asked = origin.as_ref().map_or(bare.clone(), |origin| with_origin(&bare, origin));
            let entry = stamp(at(5), &asked);
            assert_eq!(decode_audited(&entry), Ok((at(5), command.clone(), origin)));
        }
    }

    #[test]
    fn a_record_comes_back_as_it_was() {
        for refusal in [None, Some(Refusal::ClusterIsOpen)] {
            let command = Command::Cancel { job: JobId::from_bytes([1; 16]) };
            let mut record = AuditRecord::begin(7, at(5), someone(), &command);
            record.refusal = refusal;
            assert_eq!(decode_audit(7, &encode_audit(&record)), Ok(record));
        }
        assert!(decode_audit(7, &[]).unwrap_err().to_string().contains("origin"));
    }
}
