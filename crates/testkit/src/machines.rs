//! Machines of a network, each a network namespace of this one: what runs in one reaches the others through a switch, at their
//! addresses, and has no loopback, no port and no route in common with them.

use std::collections::BTreeMap;
use std::fs::File;
use std::net::Ipv4Addr;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result, bail, ensure};

use crate::cloud::end_with_parent;

/// As many as fit behind one switch whose addresses end in 1 to 254.
const MACHINES_MAX: usize = 254;
/// The switch's subnet; it lies in namespaces of its own, so it collides with nothing.
const SUBNET: [u8; 3] = [10, 77, 0];
const LINK: &str = "eth0";
const BRIDGE: &str = "switch";
/// Where `ip` keeps namespaces by name.
const NAMESPACES: &str = "/run/netns";

/// Tells the networks of one process apart.
static NEXT: AtomicU32 = AtomicU32::new(0);

/// Gone with its namespaces when dropped.
#[derive(Debug)]
pub struct Machines {
    prefix: String,
    addresses: BTreeMap<String, Ipv4Addr>,
}

impl Machines {
    /// Why this host cannot make machines; none if it can.
    pub fn unavailable() -> Option<String> {
        let probe = Self { prefix: prefix(), addresses: BTreeMap::new() };
        probe.make_switch().err().map(|error| format!("network namespaces cannot be made here: {error:#}"))
    }

    /// Machines of these names at one switch.
    ///
    /// # Errors
    /// Fails without the rights to make network namespaces, or without `ip`.
    pub fn connect(names: &[&str]) -> Result<Self> {
        ensure!(names.len() <= MACHINES_MAX, "at most {MACHINES_MAX} machines fit behind a switch");
        // Made first, so that what there is of it is removed if something fails.
        let mut machines = Self { prefix: prefix(), addresses: BTreeMap::new() };
        machines.make_switch()?;
        for (name, last) in names.iter().zip(1..) {
            let [a, b, c] = SUBNET;
            machines.plug_in(name, Ipv4Addr::new(a, b, c, last))?;
        }
        Ok(machines)
    }

    fn make_switch(&self) -> Result<()> {
        let switch = self.namespace(BRIDGE);
        ip(&["netns", "add", &switch])?;
        ip(&["-n", &switch, "link", "add", BRIDGE, "type", "bridge"])?;
        ip(&["-n", &switch, "link", "set", BRIDGE, "up"])
    }

    fn plug_in(&mut self, name: &str, address: Ipv4Addr) -> Result<()> {
        self.addresses.insert(name.to_owned(), address);
        let (switch, own, port) =
            (self.namespace(BRIDGE), self.namespace(name), format!("port{}", address.octets()[3]));
        ip(&["netns", "add", &own])?;
        ip(&["-n", &own, "link", "set", "lo", "up"])?;
        ip(&["-n", &switch, "link", "add", &port, "type", "veth", "peer", "name", LINK, "netns", &own])?;
        ip(&["-n", &switch, "link", "set", &port, "master", BRIDGE, "up"])?;
        ip(&["-n", &own, "address", "add", &format!("{address}/24"), "dev", LINK])?;
        ip(&["-n", &own, "link", "set", LINK, "up"])
    }

    /// The machine's address.
    ///
    /// # Errors
    /// There is no such machine.
    pub fn address(&self, name: &str) -> Result<Ipv4Addr> {
        self.addresses.get(name).copied().with_context(|| format!("no machine is called {name}"))
    }

    /// A program on a machine; it ends with this thread.
    pub fn command(&self, name: &str, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.namespace(name)]).arg(program).stdin(Stdio::null());
        end_with_parent(&mut command);
        command
    }

    /// Does something on a machine, in a thread of its own: whatever connects there does so from that machine.
    ///
    /// # Errors
    /// Fails without the rights to enter the machine's namespace, or when the work panics.
    pub fn on<T, F, W>(&self, name: &str, work: W) -> impl Future<Output = Result<T>> + use<T, F, W>
    where
        T: Send + 'static,
        F: Future<Output = T>,
        W: FnOnce() -> F + Send + 'static,
    {
        let path = Path::new(NAMESPACES).join(self.namespace(name));
        async move { on(&path, work).await }
    }

    /// Pulls the machine's cable.
    ///
    /// # Errors
    /// Fails when the operating system does.
    pub fn cut(&self, name: &str) -> Result<()> {
        ip(&["-n", &self.namespace(name), "link", "set", LINK, "down"])
    }

    /// Puts it back.
    ///
    /// # Errors
    /// Fails when the operating system does.
    pub fn heal(&self, name: &str) -> Result<()> {
        ip(&["-n", &self.namespace(name), "link", "set", LINK, "up"])
    }

    fn namespace(&self, name: &str) -> String {
        format!("{}-{name}", self.prefix)
    }
}

impl Drop for Machines {
    fn drop(&mut self) {
        for name in self.addresses.keys().map(String::as_str).chain([BRIDGE]) {
            // One that could not be made is not there.
            let _absent = ip(&["netns", "del", &self.namespace(name)]);
        }
    }
}

async fn on<T, F>(path: &Path, work: impl FnOnce() -> F + Send + 'static) -> Result<T>
where
    T: Send + 'static,
    F: Future<Output = T>,
{
    let namespace = File::open(path).with_context(|| path.display().to_string())?;
    let (done, result) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let run = || -> Result<T> {
            enter(&namespace)?;
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            Ok(runtime.block_on(work()))
        };
        // Whoever asked may have given up.
        let _unheard = done.send(run());
    });
    result.await.context("the work on the machine ended without a result")?
}

/// Moves this thread into a network namespace.
fn enter(namespace: &File) -> Result<()> {
    // SAFETY: the descriptor is open for the call, and the call changes nothing but this thread's namespace.
    let entered = unsafe { nix::libc::setns(namespace.as_raw_fd(), nix::libc::CLONE_NEWNET) };
    nix::errno::Errno::result(entered).context("entering a network namespace")?;
    Ok(())
}

fn prefix() -> String {
    format!("vouch-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

fn ip(arguments: &[&str]) -> Result<()> {
    let output = Command::new("ip").args(arguments).stdin(Stdio::null()).output().context("running `ip` (iproute2)")?;
    if !output.status.success() {
        bail!("ip {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}
