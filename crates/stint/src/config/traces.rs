//! Where traces are sent.

use stint_core::WorkerId;

use super::check::beside;
use super::file;
use super::place::{Error, Source};

/// The share that is told if nobody says: all.
pub(super) const SHARE: f64 = 1.0;

/// What is written of traces, with the file that it names.
pub(super) fn traces(
    source: Source<'_>,
    replica: WorkerId,
    written: file::Traces,
) -> Result<Option<stint_trace::Config>, Error> {
    let file::Traces { endpoint, ca, share } = written;
    if let Some(share) = &share
        && !(0.0..=1.0).contains(share.get_ref())
    {
        let message = format!("traces.share: {} is no share: from 0.0 to 1.0", share.get_ref());
        return Err(source.wrong(&share.span(), &message));
    }
    let Some(endpoint) = endpoint else {
        // A share or an authority alone would be ignored.
        let place = share.map(|share| share.span()).or(ca.map(|ca| ca.span()));
        return place.map_or(Ok(None), |place| {
            let message = "traces: nothing is sent without an endpoint, such as \
                           \"http://127.0.0.1:4317\"";
            Err(source.wrong(&place, message))
        });
    };
    let place = endpoint.span();
    let endpoint = endpoint.into_inner();
    let host = endpoint.strip_prefix("http://").or_else(|| endpoint.strip_prefix("https://"));
    if host.is_none_or(|host| host.is_empty() || host.contains(['/', '@', ' '])) {
        let message = "traces.endpoint: a collector is http://HOST:PORT or https://HOST:PORT, and \
                       speaks OTLP over gRPC";
        return Err(source.wrong(&place, message));
    }
    let authorities = match &ca {
        Some(ca) => {
            let path = beside(source.file, ca.get_ref());
            let wrong = |why: String| source.wrong(&ca.span(), &format!("traces.ca: {why}"));
            stint_tls::Outgoing::load(Some(&path)).map_err(|error| wrong(error.to_string()))?;
            Some(std::fs::read(&path).map_err(|error| wrong(error.to_string()))?)
        }
        None => None,
    };
    let share = share.map_or(SHARE, toml::Spanned::into_inner);
    Ok(Some(stint_trace::Config { endpoint, authorities, share, replica }))
}
