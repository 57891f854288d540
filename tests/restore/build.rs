//! Links the simulated operating system of `tests/simulation` beneath the program: the runtime draws
//! whom it wakes first, from random bytes that have to be the same each time.

#[cfg(feature = "simulate")]
fn main() {
    const SYSTEM: &str = "../simulation/src/system.c";
    println!("cargo::rerun-if-changed={SYSTEM}");
    let objects = cc::Build::new().file(SYSTEM).warnings_into_errors(true).compile_intermediates();
    for object in objects {
        println!("cargo::rustc-link-arg-bins={}", object.display());
    }
}

#[cfg(not(feature = "simulate"))]
fn main() {}
