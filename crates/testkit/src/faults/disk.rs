//! A small disk of a node's own, which can be filled to the last byte.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

const SIZE_MIB: u32 = 96;
const FILLING: &str = "filling";

/// A file system in memory; unmounted when dropped.
#[derive(Debug)]
pub struct Disk {
    folder: PathBuf,
}

impl Disk {
    /// Mounts a disk at `folder`, with what lies there.
    ///
    /// # Errors
    /// Mounting needs root.
    pub fn mount(folder: &Path) -> Result<Self> {
        let before = folder.with_extension("before");
        fs::rename(folder, &before).with_context(|| folder.display().to_string())?;
        fs::create_dir(folder)?;
        let size = format!("size={SIZE_MIB}m");
        let mounted = run(Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder));
        if let Err(error) = mounted {
            fs::remove_dir(folder)?;
            fs::rename(&before, folder)?;
            return Err(error);
        }
        let disk = Self { folder: folder.to_owned() };
        run(Command::new("cp").arg("-a").arg(before.join(".")).arg(folder))?;
        fs::remove_dir_all(&before)?;
        Ok(disk)
    }

    /// Until no byte more can be written.
    pub fn fill(&self) -> Result<()> {
        let mut file = fs::File::create(self.folder.join(FILLING))?;
        let mut piece = vec![0x5a; 1 << 20];
        while !piece.is_empty() {
            // The last bytes go in by halves.
            if file.write_all(&piece).is_err() {
                piece.truncate(piece.len() / 2);
            }
        }
        Ok(())
    }

    pub fn empty(&self) -> Result<()> {
        Ok(fs::remove_file(self.folder.join(FILLING))?)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if let Err(error) = run(Command::new("umount").arg("-l").arg(&self.folder)) {
            eprintln!("{} stays mounted: {error:#}", self.folder.display());
        }
    }
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(())
}
