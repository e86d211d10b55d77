//! Who a program runs as: the image says so by names or by ids, and its own `/etc/passwd` and `/etc/group` translate.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use rustix::{
    fs::{Mode, OFlags, ResolveFlags, openat2},
    io::Errno,
};

use super::{Error, Unpacked, error::failed};
use crate::container::ID_COUNT;

/// Bytes of `/etc/passwd` and of `/etc/group`.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// Groups of one user.
const GROUPS_MAX: usize = 256;
/// The search path of an image that has none.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The ids inside the container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
    /// Further groups, in the order of `/etc/group`.
    pub groups: Vec<u32>,
    /// The home folder; `/` if the image does not know the user.
    pub home: String,
}

impl Unpacked {
    /// The user that the image names, by its own tables: `user`, `uid`, `user:group`, or nobody, which is root.
    ///
    /// # Errors
    /// A name that the image does not know, and an id that no container has.
    pub fn user(&self) -> Result<User, Error> {
        let (user, group) = match self.process.user.split_once(':') {
            Some((user, group)) => (user, Some(group)),
            None => (self.process.user.as_str(), None),
        };
        let passwd = read(&self.root, "etc/passwd")?;
        let groups = read(&self.root, "etc/group")?;
        let mut found = find_user(&passwd, if user.is_empty() { "0" } else { user })?;
        match group.filter(|group| !group.is_empty()) {
            Some(group) => found.user.gid = find_group(&groups, group)?,
            None => found.user.groups = groups_of(&groups, &found.name),
        }
        Ok(found.user)
    }

    /// What the program finds in its environment: the image's, with a search path and a home folder if it has none.
    pub fn environment(&self, user: &User) -> Vec<(String, String)> {
        let mut env = self.process.env.clone();
        for (name, value) in [("PATH", PATH), ("HOME", user.home.as_str())] {
            if env.iter().all(|(known, _)| known != name) {
                env.push((name.to_owned(), value.to_owned()));
            }
        }
        env
    }
}

struct Found {
    /// Empty for an id that the image does not know.
    name: String,
    user: User,
}

/// `name:password:uid:gid:comment:home:shell`, by name or id.
fn find_user(passwd: &str, user: &str) -> Result<Found, Error> {
    let line = passwd
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>())
        .find(|fields| fields.len() >= 6 && (fields[0] == user || (fields[2] == user && is_id(user))));
    if let Some(fields) = line {
        let home = if fields[5].is_empty() { "/" } else { fields[5] };
        let user = User { uid: id(fields[2])?, gid: id(fields[3])?, groups: Vec::new(), home: home.to_owned() };
        return Ok(Found { name: fields[0].to_owned(), user });
    }
    if !is_id(user) {
        return Err(unknown("user", user, "/etc/passwd"));
    }
    let user = User { uid: id(user)?, gid: 0, groups: Vec::new(), home: "/".to_owned() };
    Ok(Found { name: String::new(), user })
}

/// `name:password:gid:members`, by name or id.
fn find_group(groups: &str, group: &str) -> Result<u32, Error> {
    if is_id(group) {
        return id(group);
    }
    let mut lines = groups.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let line = lines.find(|fields| fields.len() >= 3 && fields[0] == group);
    id(line.ok_or_else(|| unknown("group", group, "/etc/group"))?[2])
}

fn groups_of(groups: &str, name: &str) -> Vec<u32> {
    let fields = groups.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let own = fields.filter(|fields| fields.len() >= 4 && !name.is_empty() && fields[3].split(',').any(|m| m == name));
    own.filter_map(|fields| id(fields[2]).ok()).take(GROUPS_MAX).collect()
}

fn is_id(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn id(text: &str) -> Result<u32, Error> {
    text.parse().ok().filter(|id| *id < ID_COUNT).ok_or_else(|| Error::Document {
        what: format!("the id `{text}` of a user or group"),
        reason: format!("it must be a number below {ID_COUNT}"),
    })
}

fn unknown(what: &str, name: &str, file: &str) -> Error {
    Error::Document {
        what: format!("the {what} `{name}`"),
        reason: format!("the image's {file} has none of that name"),
    }
}

/// A file of the image; links are followed within its root only. Empty if there is none.
fn read(root: &Path, path: &str) -> Result<String, Error> {
    let full = root.join(path);
    let file = match open_within(root, path) {
        Ok(file) => file,
        Err(Errno::NOENT | Errno::NOTDIR) => return Ok(String::new()),
        Err(error) => return Err(failed("open", &full)(error.into())),
    };
    let is_file = file.metadata().map_err(failed("read", &full))?.is_file();
    let mut bytes = Vec::new();
    if is_file {
        file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(failed("read", &full))?;
    }
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(failed("read", &full)(io::Error::other(format!("it has more than {FILE_BYTES_MAX} bytes"))));
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn open_within(root: &Path, path: &str) -> Result<File, Errno> {
    let folder = File::open(root).map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let within = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    openat2(&folder, path, flags, Mode::empty(), within).map(File::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Process;

    fn user(name: &str) -> Result<User, Error> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("etc")).unwrap();
        let passwd = "root:x:0:0:root:/root:/bin/sh\nana:x:1000:1001::/home/ana:/bin/sh\nbroken:x:1\n";
        std::fs::write(folder.path().join("etc/passwd"), passwd).unwrap();
        std::fs::write(folder.path().join("etc/group"), "root:x:0:\nana:x:1001:\nweb:x:33:ana,bob\nlog:x:4:ana\n")
            .unwrap();
        let (entrypoint, cwd) = (vec!["/x".to_owned()], "/".to_owned());
        let process = Process { entrypoint, cmd: Vec::new(), env: Vec::new(), cwd, user: name.to_owned() };
        let _lease = std::sync::Arc::new(crate::image::lock::Lease::take(folder.path()).unwrap());
        Unpacked { root: folder.path().to_owned(), process, _lease }.user()
    }

    fn ids(name: &str) -> (u32, u32, Vec<u32>, String) {
        let user = user(name).unwrap();
        (user.uid, user.gid, user.groups, user.home)
    }

    #[test]
    fn names_and_ids_are_looked_up_in_the_images_own_tables() {
        assert_eq!(ids(""), (0, 0, vec![], "/root".into()));
        assert_eq!(ids("ana"), (1000, 1001, vec![33, 4], "/home/ana".into()));
        assert_eq!(ids("1000"), (1000, 1001, vec![33, 4], "/home/ana".into()));
        assert_eq!(ids("ana:web"), (1000, 33, vec![], "/home/ana".into()));
        assert_eq!(ids("7:8"), (7, 8, vec![], "/".into()));
        assert_eq!(ids("7"), (7, 0, vec![], "/".into()));
    }

    #[test]
    fn who_the_image_does_not_know_is_refused() {
        for name in ["bob", "ana:nobody", "65536", "99999999999", "broken"] {
            user(name).unwrap_err();
        }
    }

    #[test]
    fn a_link_out_of_the_root_finds_nothing_of_the_host() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("etc")).unwrap();
        std::os::unix::fs::symlink("/proc/self/root/etc/passwd", folder.path().join("etc/passwd")).unwrap();
        assert_eq!(read(folder.path(), "etc/passwd").unwrap(), "");
    }
}
