//! What operators have to be given to run an app.

use std::path::PathBuf;

use alloy_primitives::B256;
use vouch_api::ARTIFACT_BYTES_MAX;
use vouch_compute::artifact;
use vouch_compute::oci;
use vouch_compute::program::{Description, Kind};

use crate::failure::{Failure, chain_of};

/// One artifact of an app: its WebAssembly file, or a blob of its image.
pub struct Upload {
    pub digest: B256,
    path: PathBuf,
    is_blob: bool,
}

impl Upload {
    /// Everything that the app's release needs, in the order in which a gateway takes it: what names before what is named.
    /// Nothing for an image in a registry, where operators fetch it themselves.
    pub fn of(description: &Description) -> Result<Vec<Self>, Failure> {
        let (path, digest) = (description.artifact.clone(), description.program.artifact_digest);
        if Kind::of(&description.program.runtime) == Kind::Wasm {
            return Ok(vec![Self { digest, path, is_blob: false }]);
        }
        if description.reference.is_some() {
            return Ok(Vec::new());
        }
        let parts = oci::parts(&path, digest).map_err(|error| {
            Failure::input(format!("{}: {}", path.display(), chain_of(&error)), "build the image again")
        })?;
        let large = parts.iter().find(|(_, bytes)| *bytes > ARTIFACT_BYTES_MAX as u64);
        if let Some((layer, bytes)) = large {
            let message = format!("blob {layer} has {bytes} bytes, a gateway takes {ARTIFACT_BYTES_MAX}");
            let hint = "push the image to a registry and name it in vouch.toml: image = \"NAME@sha256:DIGEST\"";
            return Err(Failure::input(message, hint));
        }
        Ok(parts.into_iter().map(|(digest, _)| Self { digest, path: path.clone(), is_blob: true }).collect())
    }

    /// Its bytes, which are still those that the release names.
    pub fn read(&self) -> Result<Vec<u8>, Failure> {
        let bytes = if self.is_blob {
            oci::read_part(&self.path, self.digest).map_err(|error| chain_of(&error))
        } else {
            std::fs::read(&self.path).map_err(|error| error.to_string())
        };
        let bytes = bytes
            .map_err(|error| Failure::input(format!("{}: {error}", self.path.display()), "build the app again"))?;
        if artifact::digest(&bytes) != self.digest {
            let message = format!("{} was changed meanwhile", self.path.display());
            return Err(Failure::input(message, "run the command again"));
        }
        Ok(bytes)
    }
}
