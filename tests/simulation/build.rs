//! Links the simulated operating system of `src/system.c` beneath the program, in front of the
//! C library's.

#[cfg(feature = "simulate")]
fn main() {
    println!("cargo::rerun-if-changed=src/system.c");
    let objects =
        cc::Build::new().file("src/system.c").warnings_into_errors(true).compile_intermediates();
    for object in objects {
        // An archive would not do: what only the standard library asks for weakly is not taken out
        // of one.
        println!("cargo::rustc-link-arg-bins={}", object.display());
    }
}

#[cfg(not(feature = "simulate"))]
fn main() {}
