//! Serving another program on the same machine.

#![allow(clippy::unwrap_used, missing_docs)]

mod fixture;

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::Duration;

use fixture::RefusingSigner;
use proto::btcmesh::covenant::v1::GetPublicKeyRequest;
use proto::btcmesh::covenant::v1::covenant_signer_client::CovenantSignerClient;
use proto::btcmesh::covenant::v1::covenant_signer_server::CovenantSignerServer;
use proto::endpoint::{Endpoint, ServeError};
use proto::tonic::transport::Server;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

const PATIENCE: Duration = Duration::from_secs(20);

struct Serving {
    stop: oneshot::Sender<()>,
    server: JoinHandle<Result<(), ServeError>>,
}

impl Serving {
    fn on(path: &Path) -> Self {
        let endpoint: Endpoint = format!("unix:{}", path.display()).parse().unwrap();
        let (stop, stopped) = oneshot::channel();
        let server = tokio::spawn(async move {
            let services = Server::builder().add_service(CovenantSignerServer::new(RefusingSigner));
            let stopped = async { stopped.await.unwrap() };
            endpoint.serve(services, stopped).await
        });
        Self { stop, server }
    }

    async fn stopped(self) -> Result<(), ServeError> {
        self.stop.send(()).unwrap();
        timeout(PATIENCE, self.server).await.unwrap().unwrap()
    }
}

/// Asks until somebody answers.
async fn ask(path: &Path) {
    let endpoint: Endpoint = format!("unix:{}", path.display()).parse().unwrap();
    let channel = endpoint.channel(PATIENCE).unwrap();
    let mut client = CovenantSignerClient::new(channel);
    let answered = async {
        while client.get_public_key(GetPublicKeyRequest {}).await.is_err() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, answered).await.unwrap();
}

fn entries(directory: &Path) -> usize {
    fs::read_dir(directory).unwrap().count()
}

#[tokio::test]
async fn a_socket_is_its_owners_alone_and_gone_after_the_service() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("signer.sock");
    let serving = Serving::on(&path);
    ask(&path).await;
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(entries(directory.path()), 1);
    assert!(serving.stopped().await.is_ok());
    assert_eq!(entries(directory.path()), 0);
}

#[tokio::test]
async fn a_socket_that_a_killed_process_left_behind_is_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("signer.sock");
    drop(UnixListener::bind(&path).unwrap());
    let serving = Serving::on(&path);
    ask(&path).await;
    assert!(serving.stopped().await.is_ok());
}

#[tokio::test]
async fn a_socket_that_is_served_and_a_file_are_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("signer.sock");
    let first = Serving::on(&path);
    ask(&path).await;
    let second = Serving::on(&path).server.await.unwrap();
    assert!(matches!(second, Err(ServeError::Listen { .. })));
    ask(&path).await;
    assert!(first.stopped().await.is_ok());

    fs::write(&path, "precious").unwrap();
    let refused = Serving::on(&path).server.await.unwrap();
    assert!(matches!(refused, Err(ServeError::Listen { .. })));
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
}

#[tokio::test]
async fn clients_that_say_nothing_do_not_keep_a_service_from_stopping() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("signer.sock");
    let serving = Serving::on(&path);
    ask(&path).await;
    let _silent = UnixStream::connect(&path).unwrap();
    let mut halfway = UnixStream::connect(&path).unwrap();
    halfway.write_all(b"PRI * HTTP/2").unwrap();
    ask(&path).await;
    assert!(serving.stopped().await.is_ok());
}
