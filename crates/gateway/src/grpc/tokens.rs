//! Who may call.

use std::sync::Arc;

use stint_proto::v0;
use stint_proto::v0::tokens_server::Tokens;
use tonic::{Request, Response, Status};

use super::{caller, shape};
use crate::api::Api;
use crate::parse;

pub(super) struct Service(pub(super) Arc<Api>);

#[tonic::async_trait]
impl Tokens for Service {
    async fn list_tokens(
        &self,
        request: Request<v0::ListTokensRequest>,
    ) -> Result<Response<v0::ListTokensResponse>, Status> {
        let tokens = self.0.list_tokens(&caller(&request)?).await?;
        let tokens = tokens.iter().map(|token| shape::token(token)).collect();
        Ok(Response::new(v0::ListTokensResponse { tokens }))
    }

    async fn get_caller(
        &self,
        request: Request<v0::GetCallerRequest>,
    ) -> Result<Response<v0::Caller>, Status> {
        Ok(Response::new(shape::who_calls(caller(&request)?.who())))
    }

    async fn create_token(
        &self,
        request: Request<v0::CreateTokenRequest>,
    ) -> Result<Response<v0::CreateTokenResponse>, Status> {
        let caller = caller(&request)?;
        let request = shape::token_request(request.into_inner())?;
        let (token, secret) = self.0.create_token(&caller, request).await?;
        Ok(Response::new(v0::CreateTokenResponse {
            token: Some(shape::token(&token)),
            secret: secret.reveal(),
        }))
    }

    async fn revoke_token(
        &self,
        request: Request<v0::RevokeTokenRequest>,
    ) -> Result<Response<v0::RevokeTokenResponse>, Status> {
        let caller = caller(&request)?;
        self.0.revoke_token(&caller, parse::token_id(&request.get_ref().id)?).await?;
        Ok(Response::new(v0::RevokeTokenResponse {}))
    }
}
