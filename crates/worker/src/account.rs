//! Users and groups: from what an operator wrote to the numbers that the kernel knows.

use std::ffi::CString;

use nix::unistd::{Gid, Group, Uid, User, getgrouplist};

use crate::confinement::Confinement;

/// Whom a process becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// All its groups.
    pub(crate) groups: Vec<u32>,
    /// How the operator called it, for messages.
    pub(crate) label: String,
}

/// Whom a process of `confinement` becomes, or why that cannot be said; nothing if it stays who
/// the worker is. Asks the system's user database, and may wait for it.
pub(crate) fn resolve(confinement: &Confinement) -> Result<Option<Account>, String> {
    let own = (Uid::effective(), Gid::effective());
    let Confinement { user, group, .. } = confinement;
    if user.is_none() && group.is_none() {
        return Ok(None);
    }
    let found = user.as_deref().map(find_user).transpose()?;
    let gid = match (group.as_deref(), &found) {
        (Some(group), _) => find_group(group)?,
        (None, Some((_, Some(user)))) => user.gid,
        (None, Some((uid, None))) => {
            return Err(format!("user {uid} is not in the user database: say its group, too"));
        }
        (None, None) => own.1,
    };
    let uid = found.as_ref().map_or(own.0, |(uid, _)| *uid);
    if (uid, gid) == own {
        return Ok(None);
    }
    let groups = match &found {
        Some((_, Some(user))) => groups_of(&user.name, gid)?,
        _ => vec![gid.as_raw()],
    };
    let name = |what: &str, name: &Option<String>| {
        name.as_ref().map(|name| format!("{what} \"{name}\"")).unwrap_or_default()
    };
    let parts = [name("user", user), name("group", group)];
    let label = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ");
    Ok(Some(Account { uid: uid.as_raw(), gid: gid.as_raw(), groups, label }))
}

/// By name first, as everywhere; a number need not be in the database.
fn find_user(text: &str) -> Result<(Uid, Option<User>), String> {
    let cannot = |error| format!("cannot look up user \"{text}\": {error}");
    if let Some(user) = User::from_name(text).map_err(cannot)? {
        return Ok((user.uid, Some(user)));
    }
    let number = text.parse().map_err(|_| format!("there is no user \"{text}\""))?;
    let uid = Uid::from_raw(number);
    Ok((uid, User::from_uid(uid).map_err(cannot)?))
}

fn find_group(text: &str) -> Result<Gid, String> {
    let cannot = |error| format!("cannot look up group \"{text}\": {error}");
    if let Some(group) = Group::from_name(text).map_err(cannot)? {
        return Ok(group.gid);
    }
    text.parse().map(Gid::from_raw).map_err(|_| format!("there is no group \"{text}\""))
}

fn groups_of(name: &str, gid: Gid) -> Result<Vec<u32>, String> {
    let cannot = |error: &dyn std::fmt::Display| {
        format!("cannot look up the groups of user \"{name}\": {error}")
    };
    let text = CString::new(name).map_err(|error| cannot(&error))?;
    let groups = getgrouplist(&text, gid).map_err(|error| cannot(&error))?;
    Ok(groups.into_iter().map(Gid::as_raw).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(user: Option<&str>, group: Option<&str>) -> Result<Option<Account>, String> {
        let own = |text: Option<&str>| text.map(str::to_owned);
        resolve(&Confinement { user: own(user), group: own(group), ..Confinement::default() })
    }

    #[test]
    fn who_is_named_is_found_and_who_is_not_there_is_said() {
        assert_eq!(resolved(None, None), Ok(None));
        let own = (Uid::effective().to_string(), Gid::effective().to_string());
        assert_eq!(resolved(Some(&own.0), Some(&own.1)), Ok(None), "it becomes who it is");
        let nobody = resolved(Some("nobody"), None).unwrap().unwrap();
        assert_eq!(nobody.label, "user \"nobody\"");
        assert!(nobody.groups.contains(&nobody.gid), "{nobody:?}");
        let number = resolved(Some("4000000"), Some("4000001")).unwrap().unwrap();
        assert_eq!(
            (number.uid, number.gid, number.groups),
            (4_000_000, 4_000_001, vec![4_000_001])
        );
        for (user, group, expected) in [
            (Some("no-such"), None, "there is no user \"no-such\""),
            (None, Some("no-such"), "there is no group \"no-such\""),
            (Some("4000000"), None, "user 4000000 is not in the user database: say its group, too"),
        ] {
            assert_eq!(resolved(user, group).unwrap_err(), expected);
        }
    }
}
