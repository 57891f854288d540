//! Links so that a process of this program begins small: one runs beside each job as its guardian.
//! And adds what tells the allocator how to be: a symbol that it looks for, and that safe Rust cannot
//! define.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=src/allocator.c");
    // The addresses that the loader has to fix take a fortieth of the room, and of the time.
    println!("cargo:rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    // Nobody refers to it, and jemalloc has a weak symbol in its place: so it is linked as a whole, by
    // whatever program has this crate.
    cc::Build::new().cargo_metadata(false).file("src/allocator.c").compile("stint_allocator");
    let out = std::env::var("OUT_DIR").expect("cargo sets it");
    println!("cargo:rustc-link-search=native={out}");
    println!("cargo:rustc-link-lib=static:+whole-archive,-bundle=stint_allocator");
}
