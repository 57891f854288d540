//! What webhooks may reach, and what signs them.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use stint_tls::Outgoing;
use stint_worker::{Secret, Webhooks};

use super::actions::is_name;
use super::check::beside;
use super::file;
use super::place::{Error, Source};
use crate::limits::{SECRET_BYTES_MAX, SECRET_BYTES_MIN};

/// What is written of webhooks, with the files that it names.
pub(super) fn webhooks(source: Source<'_>, written: file::Webhook) -> Result<Webhooks, Error> {
    let mut allow = Vec::new();
    for place in written.allow {
        let wrong = |why: String| source.wrong(&place.span(), &format!("webhook.allow: {why}"));
        allow.push(place.get_ref().parse().map_err(wrong)?);
    }
    let ca = written.ca.as_ref().map(|ca| beside(source.file, ca.get_ref()));
    if let (Some(file), Some(ca)) = (&ca, &written.ca) {
        Outgoing::load(Some(file))
            .map_err(|error| source.wrong(&ca.span(), &format!("webhook.ca: {error}")))?;
    }
    let mut secrets = BTreeMap::new();
    for (name, file) in written.secret_files {
        is_name(source, "secret", name.get_ref(), &name.span())?;
        let path = beside(source.file, file.get_ref());
        let secret = secret(&path).map_err(|why| {
            let key = format!("webhook.secret_files.{}", name.get_ref());
            source.wrong(&file.span(), &format!("{key}: {}: {why}", path.display()))
        })?;
        secrets.insert(name.into_inner(), secret);
    }
    Ok(Webhooks::new(allow, secrets, ca))
}

/// The bytes of a file, without the line feed that editors put at its end.
fn secret(file: &Path) -> Result<Secret, String> {
    let opened = std::fs::File::open(file).map_err(|error| format!("cannot be read: {error}"))?;
    let mut bytes = Vec::new();
    let read = opened.take(SECRET_BYTES_MAX + 1).read_to_end(&mut bytes);
    read.map_err(|error| format!("cannot be read: {error}"))?;
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
    }
    let count = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    if (SECRET_BYTES_MIN..=SECRET_BYTES_MAX).contains(&count) {
        return Ok(Secret::new(bytes));
    }
    Err(format!(
        "it has {count} bytes: a secret has {SECRET_BYTES_MIN} to {SECRET_BYTES_MAX}, as from \
         `openssl rand -hex 32`"
    ))
}
