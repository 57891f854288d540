//! Links so that a process of this program begins small: one runs beside each job as its guardian.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // The addresses that the loader has to fix take a fortieth of the room, and of the time.
    println!("cargo:rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
}
