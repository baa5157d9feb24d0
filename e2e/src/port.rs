//! Ports that stay ours: across a node's stop and start, and between test processes that run side
//! by side.
//!
//! Binding to port 0 and letting go again is not enough for that. The kernel hands the same
//! ephemeral port to the next outgoing connection, and a node that is stopped for a while finds its
//! port taken. So ports come from below the ephemeral range, each guarded by a file lock that ends
//! with the process that holds it.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;

use anyhow::Context as _;

/// Below Linux's and the IANA's ephemeral ranges, above the ports that services are registered on
/// most often.
const RANGE: Range<u16> = 15_000..32_000;

/// A loopback TCP port that no other test takes while this value lives.
#[derive(Debug)]
pub struct Port {
    number: u16,
    _lock: File,
}

impl Port {
    /// Reserves a port that nobody listens on.
    ///
    /// # Errors
    ///
    /// When the folder of the locks cannot be written, or when no port is free.
    pub fn reserve() -> anyhow::Result<Self> {
        let user = rustix::process::getuid();
        let folder = std::env::temp_dir().join(format!("btc-mesh-ports-{user}"));
        fs::create_dir_all(&folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        // A random start keeps concurrent test processes from queueing up on the same locks.
        let offset = rand::random::<u16>() % (RANGE.end - RANGE.start);
        let candidates = (RANGE.start + offset..RANGE.end).chain(RANGE.start..RANGE.start + offset);
        for number in candidates {
            let path = folder.join(number.to_string());
            let lock =
                File::create(&path).with_context(|| format!("cannot create {}", path.display()))?;
            if lock.try_lock().is_ok() && TcpListener::bind((Ipv4Addr::LOCALHOST, number)).is_ok() {
                return Ok(Self {
                    number,
                    _lock: lock,
                });
            }
        }
        anyhow::bail!("every port of {RANGE:?} is taken; end the nodes of earlier runs")
    }

    /// The port's number.
    pub fn number(&self) -> u16 {
        self.number
    }

    /// `127.0.0.1:<number>`, as configuration files want it.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.number)
    }
}
