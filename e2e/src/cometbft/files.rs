//! The files of a node's home folder.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::Value;
use toml::Table;

use super::Ports;

/// One value of the genesis file to replace.
#[derive(Clone, Debug)]
pub struct GenesisEdit {
    /// Where, as a JSON pointer: `/app_state/finality/params/jail_duration`. It must exist.
    pub pointer: String,
    /// With what. The file writes 64-bit integers as strings.
    pub value: Value,
}

impl GenesisEdit {
    /// Makes the replacement.
    pub(crate) fn apply(&self, genesis: &mut Value) -> anyhow::Result<()> {
        let place = genesis.pointer_mut(&self.pointer);
        *place.with_context(|| format!("the genesis file has no {}", self.pointer))? =
            self.value.clone();
        Ok(())
    }
}

/// Has a chain's program write a node folder, or work on one.
pub(crate) fn initialise(program: &Path, arguments: &[String]) -> anyhow::Result<()> {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .with_context(|| format!("cannot run {}", program.display()))?;
    ensure!(
        output.status.success(),
        "{} {} ended with {}: {}",
        program.display(),
        arguments.join(" "),
        output.status,
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(())
}

/// Changes the genesis file of the node at `home`.
pub(crate) fn edit_genesis(
    home: &Path,
    change: impl FnOnce(&mut Value) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let path = home.join("config/genesis.json");
    let mut genesis = read_json(&path)?;
    change(&mut genesis)?;
    fs::write(&path, serde_json::to_vec(&genesis)?)
        .with_context(|| format!("cannot write {}", path.display()))
}

/// Moves the node at `home` to `ports`, and off every other one.
pub(crate) fn listen_on(home: &Path, ports: &Ports) -> anyhow::Result<()> {
    edit_toml(
        &home.join("config/config.toml"),
        [
            ("rpc", "laddr", url(&ports.rpc.address())),
            ("rpc", "pprof_laddr", "".into()),
            ("p2p", "laddr", url(&ports.p2p.address())),
            ("instrumentation", "prometheus", false.into()),
        ],
    )?;
    edit_toml(
        &home.join("config/app.toml"),
        [
            ("grpc", "address", ports.grpc.address().into()),
            ("api", "address", url(&ports.rest.address())),
            ("telemetry", "enabled", false.into()),
        ],
    )
}

/// Sets how long the node at `home` rests between two blocks.
pub(crate) fn set_block_interval(home: &Path, interval: Duration) -> anyhow::Result<()> {
    let rest = format!("{}ms", interval.as_millis());
    edit_toml(
        &home.join("config/config.toml"),
        [("consensus", "timeout_commit", rest.into())],
    )
}

/// Reads a file that holds one JSON value.
pub(crate) fn read_json(path: &Path) -> anyhow::Result<Value> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&bytes).with_context(|| format!("{} is no JSON", path.display()))
}

fn url(address: &str) -> toml::Value {
    format!("tcp://{address}").into()
}

/// Sets values, as section, key and value, that must be there already.
fn edit_toml<const N: usize>(
    path: &Path,
    values: [(&str, &str, toml::Value); N],
) -> anyhow::Result<()> {
    let mut file: Table = fs::read_to_string(path)
        .with_context(|| format!("cannot read {}", path.display()))?
        .parse()?;
    for (section, key, value) in values {
        let place = file
            .get_mut(section)
            .and_then(|section| section.get_mut(key));
        *place.with_context(|| format!("{} has no [{section}] {key}", path.display()))? = value;
    }
    fs::write(path, toml::to_string(&file)?)
        .with_context(|| format!("cannot write {}", path.display()))
}
