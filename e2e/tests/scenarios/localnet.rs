//! `cargo localnet` as a newcomer uses it: it tells its story, stays up with things to try, and leaves nothing behind.

use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use testenv::Program;

/// For the nodes, the programs and the whole story.
const STORY: Duration = Duration::from_mins(10);

/// For nodes and programs to end.
const STOP: Duration = Duration::from_mins(2);

/// What the commands have in common that ask for nothing and change nothing, and the one that mines.
const TRIED: [&str; 5] = [
    " wallet balance",
    " list",
    " status",
    " query ",
    " -generate ",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_network_stays_up_with_commands_that_work_until_it_is_told_to_stop() {
    let localnet = Program::at("localnet", env!("CARGO_BIN_EXE_localnet"));
    let mut localnet = localnet.args(["--block-interval", "1"]).start().unwrap();
    let ready = "Try in another terminal";
    localnet.wait_for_line(ready, STORY).await.unwrap();
    let output = localnet.output().unwrap();
    let (told, guide) = output.split_once("=== The network is up").unwrap();
    assert!(told.matches("\n  * ").count() > 10, "no story: {told}");
    let (endpoints, commands) = guide.split_once(ready).unwrap();

    let is_tried = |line: &&str| TRIED.iter().any(|part| line.contains(part));
    let commands = commands.lines().map(str::trim);
    let commands = commands.filter(|line| line.starts_with('/'));
    let tried: Vec<_> = commands.filter(is_tried).collect();
    assert!(tried.len() >= 7, "{guide}");
    for command in tried {
        let done = Command::new("sh").args(["-c", command]).output().unwrap();
        assert!(done.status.success(), "{command}: {done:?}");
    }

    let home = endpoint(endpoints, "babylond home");
    let address = endpoint(endpoints, "babylond gRPC").replace("http://", "");
    assert!(Path::new(home).is_dir());
    TcpStream::connect(&address).unwrap();
    localnet.interrupt();
    assert!(localnet.ended(STOP).await.unwrap().success());
    assert!(!Path::new(home).exists(), "{home} was left behind");
    TcpStream::connect(&address).unwrap_err();
}

/// The value after a name in the list of endpoints.
fn endpoint<'a>(endpoints: &'a str, name: &str) -> &'a str {
    let mut lines = endpoints.lines().map(str::trim);
    lines
        .find_map(|line| line.strip_prefix(name))
        .unwrap()
        .trim()
}
