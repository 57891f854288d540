//! What went wrong in a handshake, in words that say which side has to do something.

use std::io;

use rustls::{AlertDescription, CertificateError, Error};

/// The same error with a better text, if there is one.
pub(crate) fn explained(error: io::Error) -> io::Error {
    let text = error.get_ref().and_then(|inner| inner.downcast_ref()).and_then(text);
    match text {
        Some(text) => io::Error::new(error.kind(), text),
        None => error,
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the others of many are left as they are")]
fn text(error: &Error) -> Option<String> {
    let text = match error {
        Error::InvalidCertificate(CertificateError::Other(other)) => other.to_string(),
        // An authority that was made anew under its old name gives a bad signature.
        Error::InvalidCertificate(
            CertificateError::UnknownIssuer | CertificateError::BadSignature,
        ) => "the certificate of the other side is not signed by an authority that is trusted here"
            .to_owned(),
        Error::NoCertificatesPresented => "the other side showed no certificate".to_owned(),
        Error::InvalidMessage(_) => "the other side does not speak TLS".to_owned(),
        Error::AlertReceived(AlertDescription::UnknownCA) => {
            "the other side does not know the authority of the certificate of this side".to_owned()
        }
        Error::AlertReceived(
            alert @ (AlertDescription::BadCertificate
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::CertificateRequired
            | AlertDescription::DecryptError
            | AlertDescription::AccessDenied),
        ) => format!(
            "the other side refuses the certificate of this side ({alert:?}); its log says why"
        ),
        _ => return None,
    };
    Some(text)
}
