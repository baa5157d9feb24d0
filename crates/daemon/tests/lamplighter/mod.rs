//! Running the example program: commands in a directory of their own, services until they stop.

use std::env;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(20);
const START: [&str; 3] = ["start", "--log-format", "json"];

/// A data directory, with the configuration in it.
pub struct Home(TempDir);

impl Home {
    pub fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(executable());
        command
            .env_clear()
            .arg("--home")
            .arg(self.path())
            .args(arguments)
            .stdin(Stdio::null());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    pub fn notify_socket(&self) -> NotifySocket {
        NotifySocket::new(self.path().join("notify"))
    }
}

/// `lamplighter start`, killed when it is dropped.
pub struct Service {
    child: Child,
    home: Option<Home>,
    address: SocketAddr,
}

impl Service {
    pub fn start(home: Home) -> Self {
        let command = home.command(&START);
        Self::spawn(home, command)
    }

    /// Starts it as a service manager does that wants to hear from it every 100 ms.
    pub fn start_watched(home: Home, socket: &NotifySocket) -> Self {
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", "WATCHDOG_PID=$$ exec \"$@\"", "sh"])
            .arg(executable())
            .args(home.command(&START).get_args())
            .env_clear()
            .env("NOTIFY_SOCKET", socket.path())
            .env("WATCHDOG_USEC", "100000");
        Self::spawn(home, command)
    }

    fn spawn(home: Home, mut command: Command) -> Self {
        home.run(&["config", "init"]);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = log
            .by_ref()
            .map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap())
            .find_map(|event| {
                event["address"]
                    .as_str()
                    .map(|address| address.parse().unwrap())
            })
            .expect("the log names the address");
        // Read on, or the service would wait for room in the pipe.
        thread::spawn(move || log.for_each(drop));
        Self {
            child,
            home: Some(home),
            address,
        }
    }

    pub fn home(&self) -> &Home {
        self.home.as_ref().unwrap()
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn killed(mut self) -> Home {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.home.take().unwrap()
    }

    /// Waits for the process to end by itself.
    pub fn finished(mut self) -> Output {
        let deadline = Instant::now() + PATIENCE;
        while self.child.try_wait().unwrap().is_none() {
            assert!(Instant::now() < deadline, "it does not stop");
            thread::sleep(Duration::from_millis(5));
        }
        let mut stdout = Vec::new();
        self.child
            .stdout
            .take()
            .unwrap()
            .read_to_end(&mut stdout)
            .unwrap();
        Output {
            status: self.child.wait().unwrap(),
            stdout,
            stderr: Vec::new(),
        }
    }

    pub fn connect(&self) -> TcpStream {
        let connection = TcpStream::connect(self.address).unwrap();
        connection.set_read_timeout(Some(PATIENCE)).unwrap();
        connection
    }

    pub fn get(&self, path: &str) -> (u16, String) {
        let mut connection = self.connect();
        write!(
            connection,
            "GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, body.to_owned())
    }

    /// Asks until the answer has this status and contains `text`.
    pub fn wait_for(&self, path: &str, status: u16, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let (found, body) = self.get(path);
            if found == status && body.contains(text) {
                return body;
            }
            assert!(
                Instant::now() < deadline,
                "{path}: {found}, not {status} with `{text}`: {body}"
            );
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a signal, such as `TERM`.
pub fn signal(process: u32, name: &str) {
    let status = Command::new("kill")
        .args(["-s", name, &process.to_string()])
        .status();
    assert!(status.unwrap().success());
}

/// Where a service manager listens.
pub struct NotifySocket {
    socket: UnixDatagram,
    path: PathBuf,
}

impl NotifySocket {
    fn new(path: PathBuf) -> Self {
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { socket, path }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads messages until this one comes.
    pub fn expect(&self, message: &str) {
        let deadline = Instant::now() + PATIENCE;
        let mut buffer = [0; 256];
        loop {
            let length = self.socket.recv(&mut buffer).unwrap();
            if std::str::from_utf8(&buffer[..length]).unwrap().trim() == message {
                return;
            }
            assert!(Instant::now() < deadline, "no {message}");
        }
    }
}

/// The example beside this test: `target/<profile>/examples/lamplighter`.
fn executable() -> PathBuf {
    let test = env::current_exe().unwrap();
    let profile = test.parent().and_then(Path::parent).unwrap();
    let example = profile.join("examples").join("lamplighter");
    assert!(
        example.exists(),
        "`cargo test -p daemon` builds {}",
        example.display()
    );
    example
}
