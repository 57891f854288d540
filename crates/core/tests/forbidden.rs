//! Proof that the bans of `clippy.toml` are in force: each use below expects its lint, and clippy
//! fails on an expectation that is not met. `cargo test` proves that none is left out.

/// Names types that are banned. Each is a use of its own with an expectation of its own.
macro_rules! banned_types {
    ($($banned:ty),* $(,)?) => {$(
        #[expect(clippy::disallowed_types, reason = "clippy.toml bans it")]
        let _: Option<$banned> = None;
    )*};
}

/// Names functions that are banned, and calls none.
macro_rules! banned_methods {
    ($($banned:expr),* $(,)?) => {$(
        #[expect(clippy::disallowed_methods, reason = "clippy.toml bans it")]
        let _ = $banned;
    )*};
}

#[test]
fn each_ban_is_met_by_a_use_that_expects_it() {
    let source = include_str!("forbidden.rs");
    let bans = include_str!("../clippy.toml").lines().filter_map(|line| {
        let (_, rest) = line.split_once("{ path = \"")?;
        rest.split_once('"').map(|(path, _)| path)
    });
    let bans: Vec<_> = bans.collect();
    assert!(bans.len() > 50, "only {} bans were found", bans.len());
    for ban in bans {
        let is_used = source.lines().any(|line| {
            let rest = line.trim_start().strip_prefix(ban);
            rest.is_some_and(|rest| rest.starts_with([',', '<', ':']))
        });
        assert!(is_used, "{ban} is banned, and nothing here expects that");
    }
}

#[test]
fn the_bans_are_in_force() {
    banned_types![
        std::collections::HashMap<u8, u8>,
        std::collections::HashSet<u8>,
        std::hash::RandomState,
        std::hash::DefaultHasher,
        std::time::Instant,
        std::time::SystemTime,
        f32,
        f64,
        std::sync::Mutex<u8>,
        std::sync::RwLock<u8>,
        std::sync::Condvar,
        std::sync::Barrier,
        std::sync::Once,
        std::sync::OnceLock<u8>,
        std::sync::LazyLock<u8>,
        std::sync::atomic::AtomicBool,
        std::sync::atomic::AtomicU32,
        std::sync::atomic::AtomicU64,
        std::sync::atomic::AtomicUsize,
        std::cell::Cell<u8>,
        std::cell::RefCell<u8>,
        std::cell::OnceCell<u8>,
        std::cell::LazyCell<u8>,
        std::sync::mpsc::Sender<u8>,
        std::sync::mpsc::Receiver<u8>,
        std::thread::LocalKey<u8>,
        std::fs::File,
        std::net::TcpStream,
        std::net::TcpListener,
        std::net::UdpSocket,
        std::process::Command,
    ];
    banned_methods![
        std::thread::spawn::<fn(), ()>,
        std::thread::scope::<fn(&std::thread::Scope<'_, '_>), ()>,
        std::thread::sleep,
        std::thread::current,
        std::thread::available_parallelism,
        std::env::var::<&str>,
        std::env::var_os::<&str>,
        std::env::vars,
        std::env::args,
        std::env::current_dir,
        std::env::temp_dir,
        std::fs::read::<&str>,
        std::fs::read_to_string::<&str>,
        std::fs::read_dir::<&str>,
        std::fs::write::<&str, &str>,
        std::fs::remove_file::<&str>,
        std::io::stdin,
        std::io::stdout,
        std::io::stderr,
        std::process::exit,
        std::process::abort,
        std::process::id,
        chrono::Utc::now,
        cron::Schedule::upcoming::<chrono::Utc>,
    ];
}
