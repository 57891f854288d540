//! How long certificates last, and what to say before they do not.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use rustls::pki_types::{CertificateDer, UnixTime};
use webpki::{EndEntityCert, Error, KeyUsage};

use crate::files::Pem;
use crate::limits::{EXPIRES_SOON, EXPIRES_VERY_SOON};

/// Something that an operator should know before others find out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// How much time there is.
    pub urgency: Urgency,
    /// The file.
    pub file: PathBuf,
    /// What is to be known, in words.
    pub text: String,
}

/// How much time there is until a certificate is of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// Less than 30 days.
    Soon,
    /// Less than 7 days.
    VerySoon,
    /// None.
    Expired,
}

/// A file of certificates, and until when the first of them to expire lasts.
#[derive(Debug, Clone)]
pub(crate) struct Lasting {
    file: PathBuf,
    not_after: Duration,
}

impl Lasting {
    /// `None` for a file without certificates, and for certificates that do not expire.
    pub(crate) fn of(pem: &Pem) -> Option<Self> {
        let certificates = pem.certificates().ok()?;
        let not_after = certificates.iter().filter_map(not_after).min()?;
        Some(Self { file: pem.file().to_owned(), not_after })
    }

    /// What is to be said at this instant.
    pub(crate) fn notice(&self, now: SystemTime) -> Option<Notice> {
        let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let left = self.not_after.saturating_sub(now);
        let urgency = match left {
            Duration::ZERO => Urgency::Expired,
            left if left < EXPIRES_VERY_SOON => Urgency::VerySoon,
            left if left < EXPIRES_SOON => Urgency::Soon,
            _ => return None,
        };
        let (file, left) = (self.file.display(), length(left));
        let text = match urgency {
            Urgency::Expired => {
                let ago = length(now.saturating_sub(self.not_after));
                format!("{file}: a certificate has expired {ago} ago; put a new one in its place")
            }
            Urgency::VerySoon | Urgency::Soon => {
                format!("{file}: a certificate expires in {left}; put a new one in its place")
            }
        };
        Some(Notice { urgency, file: self.file.clone(), text })
    }
}

/// Whole days, or hours where there are few.
fn length(time: Duration) -> String {
    let (days, hours) = (time.as_secs() / 86_400, time.as_secs() / 3_600);
    if days >= 2 { format!("{days} days") } else { format!("{hours} hours") }
}

/// The end of a certificate, since 1970. It is what a check in the far future finds first.
fn not_after(certificate: &CertificateDer<'_>) -> Option<Duration> {
    let far = UnixTime::since_unix_epoch(Duration::from_secs(u64::from(u32::MAX) * 50));
    let read = EndEntityCert::try_from(certificate).ok()?;
    let checked = read.verify_for_usage(&[], &[], &[], far, KeyUsage::server_auth(), None, None);
    // Without that end it lasts beyond all calendars.
    let Err(Error::CertExpired { not_after, .. }) = checked else { return None };
    Some(Duration::from_secs(not_after.as_secs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 86_400;

    #[test]
    fn there_is_a_month_and_a_week_of_notice() {
        let lasting =
            Lasting { file: PathBuf::from("own.pem"), not_after: Duration::from_secs(100 * DAY) };
        let at = |seconds: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let said =
            |seconds| lasting.notice(at(seconds)).map(|notice| (notice.urgency, notice.text));
        assert_eq!(said(70 * DAY), None);
        for (seconds, urgency, expected) in [
            (70 * DAY + 1, Urgency::Soon, "expires in 29 days"),
            (93 * DAY, Urgency::Soon, "expires in 7 days"),
            (93 * DAY + 1, Urgency::VerySoon, "expires in 6 days"),
            (99 * DAY, Urgency::VerySoon, "expires in 24 hours"),
            (100 * DAY, Urgency::Expired, "has expired 0 hours ago"),
            (103 * DAY, Urgency::Expired, "has expired 3 days ago"),
        ] {
            let (found, text) = said(seconds).unwrap();
            assert_eq!(found, urgency, "{text}");
            assert!(text.starts_with("own.pem: ") && text.contains(expected), "{text}");
        }
    }
}
