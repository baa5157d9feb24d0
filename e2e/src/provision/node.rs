//! The official staking library in TypeScript, pinned by a lock file, with a script of ours that builds a stake with it.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use bitcoin::hashes::{Hash as _, sha256};

use super::cache;
use super::progress::follow;
use crate::process::find_on_path;

/// Its name in the cache.
const NAME: &str = "btc-staking-ts";

/// The files that pin it and use it.
const FILES: [(&str, &str); 3] = [
    (
        "package.json",
        include_str!("../../nodes/btc-staking-ts/package.json"),
    ),
    (
        "package-lock.json",
        include_str!("../../nodes/btc-staking-ts/package-lock.json"),
    ),
    (
        "stake.mjs",
        include_str!("../../nodes/btc-staking-ts/stake.mjs"),
    ),
];

/// The script that builds a stake, next to the library; `None` where Node.js or npm is not on `PATH`. The library is
/// installed into the cache, never into the checkout.
///
/// # Errors
///
/// When npm cannot install it.
pub fn staking_library() -> anyhow::Result<Option<PathBuf>> {
    if find_on_path("node").is_none() || find_on_path("npm").is_none() {
        return Ok(None);
    }
    let pins = FILES.map(|(_, text)| text).concat();
    let pins = sha256::Hash::hash(pins.as_bytes()).to_string();
    let (fingerprint, _) = pins.split_at(12);
    let folder = cache::keep(NAME, fingerprint, |folder| {
        for (name, text) in FILES {
            fs::write(folder.join(name), text)?;
        }
        let install = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
        follow(NAME, Command::new("npm").current_dir(folder).args(install))
    })?;
    Ok(Some(folder.join("stake.mjs")))
}
