//! A way to a node that can be cut: a TCP proxy that holds back what it was sent until it is healed, as a broken network
//! does.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// Connections through one link at once; more wait.
const CONNECTIONS_MAX: usize = 1_024;

/// Ends with its connections when dropped.
#[derive(Debug)]
pub struct Link {
    address: SocketAddr,
    open: watch::Sender<bool>,
    serving: JoinHandle<()>,
}

impl Link {
    /// Listens at `address`, port 0 for a free one, and passes everything on to `target`.
    ///
    /// # Errors
    /// Fails when the port is taken.
    pub async fn new(address: SocketAddr, target: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let (open, state) = watch::channel(true);
        let address = listener.local_addr()?;
        Ok(Self { address, open, serving: tokio::spawn(serve(listener, target, state)) })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Nothing passes from here on, in either direction.
    pub fn cut(&self) {
        self.open.send_replace(false);
    }

    pub fn heal(&self) {
        self.open.send_replace(true);
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(listener: TcpListener, target: SocketAddr, open: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    loop {
        while connections.len() >= CONNECTIONS_MAX {
            connections.join_next().await;
        }
        while connections.try_join_next().is_some() {}
        // A connection that ended before it was taken is its caller's loss.
        let Ok((stream, _)) = listener.accept().await else { continue };
        connections.spawn(pass(stream, target, open.clone()));
    }
}

/// Ends when either side does.
async fn pass(from: TcpStream, target: SocketAddr, mut open: watch::Receiver<bool>) -> io::Result<()> {
    opened(&mut open).await?;
    let to = TcpStream::connect(target).await?;
    from.set_nodelay(true)?;
    to.set_nodelay(true)?;
    let ((from_read, from_write), (to_read, to_write)) = (from.into_split(), to.into_split());
    tokio::select! {
        ended = pump(from_read, to_write, open.clone()) => ended,
        ended = pump(to_read, from_write, open) => ended,
    }
}

async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut open: watch::Receiver<bool>,
) -> io::Result<()> {
    let mut buffer = vec![0; 16 << 10];
    loop {
        let length = from.read(&mut buffer).await?;
        opened(&mut open).await?;
        if length == 0 {
            return to.shutdown().await;
        }
        to.write_all(&buffer[..length]).await?;
    }
}

async fn opened(open: &mut watch::Receiver<bool>) -> io::Result<()> {
    open.wait_for(|open| *open).await.map(|_| ()).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn what_is_sent_while_it_is_cut_arrives_once_it_is_healed() {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let server = TcpListener::bind(any).await.unwrap();
        let link = Link::new(any, server.local_addr().unwrap()).await.unwrap();
        let mut client = TcpStream::connect(link.address()).await.unwrap();
        let (mut served, _) = server.accept().await.unwrap();
        client.write_all(b"before").await.unwrap();
        let mut received = [0; 6];
        served.read_exact(&mut received).await.unwrap();
        assert_eq!(&received, b"before");

        link.cut();
        client.write_all(b"during").await.unwrap();
        let early = tokio::time::timeout(Duration::from_millis(200), served.read_exact(&mut received)).await;
        assert!(early.is_err(), "it passed a link that was cut");
        link.heal();
        served.read_exact(&mut received).await.unwrap();
        assert_eq!(&received, b"during");
    }
}
