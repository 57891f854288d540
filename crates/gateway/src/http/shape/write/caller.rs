//! Who calls, as JSON.

use serde::Serialize;
use stint_core::{Role, TokenId};

use super::super::super::time::Rfc3339;
use super::TextOrEmpty;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct WhoCalls {
    user: String,
    role: &'static str,
    #[serde(rename = "tokenID")]
    token_id: TextOrEmpty<TokenId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Rfc3339>,
}

impl WhoCalls {
    pub(in crate::http) fn of(who: crate::api::WhoCalls) -> Self {
        Self {
            user: who.user,
            role: who.role.map_or("", Role::name),
            token_id: TextOrEmpty(who.token),
            expires_at: who.expires_at.map(Rfc3339),
        }
    }
}
