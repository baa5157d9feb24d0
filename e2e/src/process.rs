//! Child processes that cannot outlive the tests that started them.
//!
//! Three nets, from the gentle to the certain: `stop` asks and waits; dropping a [`Process`] kills
//! its process group; and if the test process itself is killed, the kernel kills the child. For the
//! last one the child is started through util-linux's `setpriv --pdeathsig`, since asking the
//! kernel from here would take unsafe code. That leaves the
//! milliseconds until `setpriv` has run; and where it is missing (it is not Linux), a killed test
//! leaves its nodes behind.

use std::fs::OpenOptions;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{LazyLock, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rustix::process::{Pid, Signal, kill_process_group};

use crate::scratch::tail;

const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// A running (or ended) child with its log.
#[derive(Debug)]
pub(crate) struct Process {
    name: String,
    child: Child,
    group: Pid,
    log: PathBuf,
}

impl Process {
    /// Starts `command`, with standard output and error appended to `log`.
    ///
    /// # Errors
    ///
    /// When the log cannot be opened or the program cannot be executed.
    pub(crate) fn spawn(name: &str, mut command: Command, log: &Path) -> anyhow::Result<Self> {
        let output = OpenOptions::new()
            .create(true)
            .append(true)
            .open(log)
            .with_context(|| format!("cannot open {}", log.display()))?;
        command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .process_group(0);
        let child =
            spawn_from_lasting_thread(command).with_context(|| format!("cannot start {name}"))?;
        let group = i32::try_from(child.id())
            .ok()
            .and_then(Pid::from_raw)
            .with_context(|| format!("{name} has no valid process id"))?;
        Ok(Self {
            name: name.to_owned(),
            child,
            group,
            log: log.to_owned(),
        })
    }

    /// The process id, which is also the id of its group.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, or `None` while it runs.
    pub(crate) fn exit_status(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Fails, with the end of the log, if the process has ended.
    pub(crate) fn ensure_running(&mut self) -> anyhow::Result<()> {
        match self.exit_status() {
            None => Ok(()),
            Some(status) => {
                anyhow::bail!(
                    "{} ended with {status}; its log ends:\n{}",
                    self.name,
                    tail(&self.log)
                )
            }
        }
    }

    /// Sends `signal` to the whole group. A group that is already gone is no error: that is what
    /// was wanted.
    pub(crate) fn signal(&mut self, signal: Signal) {
        if self.exit_status().is_none() {
            let _ = kill_process_group(self.group, signal);
        }
    }

    /// Kills the group (`SIGKILL`) and reaps the child.
    pub(crate) fn kill(&mut self) {
        self.signal(Signal::KILL);
        let _ = self.child.wait();
    }

    /// Waits for the process to end by itself.
    ///
    /// # Errors
    ///
    /// When it still runs after `deadline`.
    pub(crate) async fn ended(&mut self, deadline: Duration) -> anyhow::Result<ExitStatus> {
        let started = Instant::now();
        loop {
            if let Some(status) = self.exit_status() {
                return Ok(status);
            }
            if started.elapsed() > deadline {
                anyhow::bail!(
                    "{} still runs after {deadline:?}; its log ends:\n{}",
                    self.name,
                    tail(&self.log)
                );
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    /// Asks the process to end (`SIGTERM`) and waits for it.
    ///
    /// # Errors
    ///
    /// When it still runs after `deadline`.
    pub(crate) async fn terminate(&mut self, deadline: Duration) -> anyhow::Result<ExitStatus> {
        self.signal(Signal::TERM);
        self.ended(deadline).await
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A command for `program` that the kernel kills together with the test process.
pub(crate) fn bound_to_us(program: &Path) -> Command {
    match SETPRIV.as_deref() {
        Some(setpriv) => {
            let mut command = Command::new(setpriv);
            command.args(["--pdeathsig", "KILL", "--"]).arg(program);
            command
        }
        None => Command::new(program),
    }
}

static SETPRIV: LazyLock<Option<PathBuf>> = LazyLock::new(|| find_on_path("setpriv"));

/// The first executable file called `name` in the folders of `PATH`.
pub(crate) fn find_on_path(name: &str) -> Option<PathBuf> {
    use std::os::unix::fs::PermissionsExt as _;

    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|folder| folder.join(name))
        .find(|path| {
            path.metadata()
                .is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
        })
}

type Spawn = (Command, mpsc::Sender<std::io::Result<Child>>);

/// Spawns on a thread that lives as long as this process.
///
/// "Parent death" in the kernel's sense is the death of the *thread* that spawned: a node started
/// by one test, or by a runtime's worker thread, would die with that thread.
fn spawn_from_lasting_thread(command: Command) -> std::io::Result<Child> {
    static SPAWNER: LazyLock<mpsc::Sender<Spawn>> = LazyLock::new(|| {
        let (requests, inbox) = mpsc::channel::<Spawn>();
        thread::spawn(move || {
            for (mut command, reply) in inbox {
                // A requester that is gone drops its end; the child is then dropped with the
                // message.
                let _ = reply.send(command.spawn());
            }
        });
        requests
    });
    let (reply, answer) = mpsc::channel();
    SPAWNER
        .send((command, reply))
        .map_err(std::io::Error::other)?;
    answer.recv().map_err(std::io::Error::other)?
}
