//! A liar in a local cloud: where its program is, and how it is started in an honest role's place.

use std::path::{Path, PathBuf};

use vouch_node::adversary::{Adversary, Role};

use crate::failure::Failure;
use crate::local::config::{DEPLOYMENT_FILE, PASSWORD_FILE, keystore_of};

/// The program in which adversaries lie.
const PROGRAM: &str = "vouch-adversary";
/// Whose key a lying client signs with.
const CLIENT: &str = "black";
/// How long a liar that turns bad is good, in seconds: until there is something that it can contradict, or drop.
const HONEST_SECONDS: u64 = 60;
/// After how many seconds a lying client begins again.
const AGAIN_SECONDS: u64 = 10;

/// An adversary with its program.
pub struct Liar {
    pub adversary: Adversary,
    program: PathBuf,
}

impl Liar {
    /// Finds the program beside this one, or on PATH.
    pub fn find(adversary: Adversary) -> Result<Self, Failure> {
        let own = std::env::current_exe().ok().and_then(|path| Some(path.parent()?.to_owned()));
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut folders = own.into_iter().chain(std::env::split_paths(&path));
        let program = folders.find_map(|folder| Some(folder.join(PROGRAM)).filter(|program| program.is_file()));
        let program = program.ok_or_else(|| {
            Failure::input(
                format!("{PROGRAM}, in which adversaries lie, is neither beside this program nor on PATH"),
                "it is not installed with vouch: in its repository, `cargo build -p vouch-testkit --bins` makes it",
            )
        })?;
        Ok(Self { adversary, program })
    }

    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Whether it serves in the place of that node.
    pub fn replaces(&self, node: &str) -> bool {
        matches!(self.adversary.role, Role::Executor | Role::Gateway) && self.adversary.role.node() == Some(node)
    }

    /// Whether that node reads the chain through it.
    pub fn misleads(&self, node: &str) -> bool {
        self.adversary.role == Role::Chain && self.adversary.role.node() == Some(node)
    }

    /// Arguments of the program in the place of the node with that configuration.
    pub fn in_place_of(&self, config: &Path) -> Vec<String> {
        let config = config.display().to_string();
        match self.adversary.role {
            Role::Gateway if self.begins_late() => {
                words(&["drop", "--config", &config, "--honest-seconds", &HONEST_SECONDS.to_string()])
            }
            Role::Gateway => words(&["receipts", "--config", &config]),
            _ => words(&["executor", "--config", &config, "--lie", self.adversary.name]),
        }
    }

    fn begins_late(&self) -> bool {
        matches!(self.adversary.name, "stale-chain" | "forked-chain" | "dropping-gateway")
    }

    /// Arguments of the program before the chain.
    pub fn before_chain(&self, rpc: &str, port: u16) -> Vec<String> {
        let honest = if self.begins_late() { HONEST_SECONDS } else { 0 }.to_string();
        let listen = format!("127.0.0.1:{port}");
        words(&["chain", "--rpc", rpc, "--listen", &listen, "--lie", self.adversary.name, "--honest-seconds", &honest])
    }

    /// Arguments of the program as a client of the cloud in `folder`.
    pub fn as_client(&self, folder: &Path, gateway: &str) -> Vec<String> {
        let file = |path: &Path| folder.join(path).display().to_string();
        let (keystore, password) = (file(&keystore_of(CLIENT)), file(Path::new(PASSWORD_FILE)));
        let deployment = file(Path::new(DEPLOYMENT_FILE));
        let again = AGAIN_SECONDS.to_string();
        let key = ["--keystore", &keystore, "--password-file", &password, "--deployment", &deployment];
        [words(&["client", "--gateway", gateway, "--every", &again]), words(&key)].concat()
    }

    /// For people: what lies, and how to see it fail.
    pub fn describe(&self) -> String {
        let Adversary { name, role, lie, seen, watch } = self.adversary;
        let place = role.node().map(|node| format!(", {node}")).unwrap_or_default();
        format!("It has a liar, {name}: {role}{place}, {lie}.\n  what is seen  {seen}\n  to watch it   {watch}")
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}
