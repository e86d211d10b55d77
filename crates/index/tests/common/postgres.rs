//! A PostgreSQL server of a test's own: in a temporary folder, on a socket there, as an unprivileged user.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// The server's own programs need a user that is not root.
const USER: &str = "postgres";
const START_TIMEOUT: Duration = Duration::from_secs(60);

pub struct Server {
    child: Child,
    folder: TempDir,
}

impl Server {
    /// None, said aloud, where PostgreSQL is not installed.
    pub fn start() -> Option<Self> {
        let (Some(initdb), Some(postgres)) = (program("initdb"), program("postgres")) else {
            println!("skipped: PostgreSQL (no initdb and postgres on PATH or in /usr/lib/postgresql)");
            eprintln!("skipped: PostgreSQL (no initdb and postgres on PATH or in /usr/lib/postgresql)");
            return None;
        };
        let folder = tempfile::Builder::new().prefix("pg").tempdir_in("/tmp").unwrap();
        let data = folder.path().join("data");
        if nix::unistd::geteuid().is_root() {
            let user = nix::unistd::User::from_name(USER).ok().flatten();
            let Some(user) = user else {
                eprintln!("skipped: PostgreSQL (it does not run as root, and there is no user {USER})");
                return None;
            };
            nix::unistd::chown(folder.path(), Some(user.uid), Some(user.gid)).unwrap();
        }
        let made = unprivileged(&initdb)
            .args(["--username=vouch", "--auth=trust", "--no-sync", "--encoding=UTF8", "--pgdata"])
            .arg(&data)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let child = unprivileged(&postgres)
            .args(["-F", "-c", "listen_addresses=", "-k"])
            .arg(folder.path())
            .arg("-D")
            .arg(&data)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self { child, folder };
        server.wait();
        Some(server)
    }

    fn wait(&self) {
        let end = Instant::now() + START_TIMEOUT;
        while std::os::unix::net::UnixStream::connect(self.folder.path().join(".s.PGSQL.5432")).is_err() {
            assert!(Instant::now() < end, "PostgreSQL did not start");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The address of an empty database.
    pub async fn database(&self, name: &str) -> String {
        let admin = self.url("postgres");
        sqlx::any::install_default_drivers();
        let end = Instant::now() + START_TIMEOUT;
        // The socket is there before the server takes connections.
        let pool = loop {
            match sqlx::AnyPool::connect(&admin).await {
                Ok(pool) => break pool,
                Err(error) => assert!(Instant::now() < end, "{error}"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        sqlx::query(sqlx::AssertSqlSafe(format!("CREATE DATABASE \"{name}\""))).execute(&pool).await.unwrap();
        pool.close().await;
        self.url(name)
    }

    fn url(&self, name: &str) -> String {
        format!("postgres://vouch@localhost/{name}?host={}", self.folder.path().display())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // SIGINT: it ends its own children and closes at once.
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        let _gone = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT);
        let _ended = self.child.wait();
    }
}

fn unprivileged(program: &Path) -> Command {
    let mut command = Command::new(program);
    if nix::unistd::geteuid().is_root() {
        use std::os::unix::process::CommandExt;
        let user = nix::unistd::User::from_name(USER).unwrap().unwrap();
        command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
    }
    command.current_dir("/tmp");
    command
}

fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).map(|folder| folder.join(name));
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let installed = versions.map(|version| version.path().join("bin").join(name));
    on_path.chain(installed).find(|candidate| candidate.is_file())
}
