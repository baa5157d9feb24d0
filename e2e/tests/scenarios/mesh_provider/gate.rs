//! What stands between a program and a node, so that a test can have the node fail as nodes do.

use testenv::Port;
use tokio::io::{copy, copy_bidirectional, sink};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What becomes of a connection.
#[derive(Debug, Clone)]
enum Way {
    /// It leads to the node at this address.
    To(String),
    /// It is closed at once, as by a machine on which no node runs.
    Closed,
    /// It is taken, and nothing ever comes back, as from a node that hangs.
    Silent,
}

/// Stands between a program and a node. The test says whose node that is, or that there is none.
pub(super) struct Gate {
    port: Port,
    way: watch::Sender<Way>,
}

impl Gate {
    pub(super) async fn before(node: &str) -> Self {
        let port = Port::reserve().unwrap();
        let listener = TcpListener::bind(port.address()).await.unwrap();
        let (way, ways) = watch::channel(Way::To(address(node)));
        tokio::spawn(async move {
            while let Ok((program, _)) = listener.accept().await {
                tokio::spawn(carry(program, ways.clone()));
            }
        });
        Self { port, way }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.port.address())
    }

    /// Ends all connections. Later ones lead to this node.
    pub(super) fn lead_to(&self, node: &str) {
        self.way.send_replace(Way::To(address(node)));
    }

    /// Ends all connections, later ones too.
    pub(super) fn close(&self) {
        self.way.send_replace(Way::Closed);
    }

    /// Ends all connections. Later ones are taken and never answered.
    pub(super) fn fall_silent(&self) {
        self.way.send_replace(Way::Silent);
    }
}

fn address(url: &str) -> String {
    url.strip_prefix("http://").unwrap().to_owned()
}

async fn carry(mut program: TcpStream, mut ways: watch::Receiver<Way>) {
    let way = ways.borrow_and_update().clone();
    let carried = async {
        match way {
            Way::To(address) => {
                if let Ok(mut node) = TcpStream::connect(address).await {
                    let _ = copy_bidirectional(&mut program, &mut node).await;
                }
            }
            Way::Closed => {}
            Way::Silent => {
                let _ = copy(&mut program, &mut sink()).await;
            }
        }
    };
    tokio::select! {
        () = carried => (),
        _ = ways.changed() => (),
    }
}
