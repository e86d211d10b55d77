//! Images from registries, as far as the operator lets its node talk to them.

use std::sync::OnceLock;

use alloy_primitives::B256;
use vouch_compute::artifact::ArtifactStore;
use vouch_oci::image::registry::{Credentials, Reference, Registry};
use vouch_oci::image::{Bounds, Digest};

/// Stands for every registry.
const ANY: &str = "*";

/// The registries that a node may fetch from.
pub struct Registries {
    allowed: Vec<String>,
    client: OnceLock<Registry>,
}

impl Registries {
    /// By host and port; `*` stands for all.
    pub fn new(allowed: Vec<String>) -> Self {
        Self { allowed, client: OnceLock::new() }
    }

    /// Fetches an image to where artifacts are kept. What comes is the image of `digest` or an error.
    pub async fn pull(&self, reference: &str, digest: B256, artifacts: &ArtifactStore) -> Result<(), String> {
        let reference: Reference = reference.parse().map_err(|error| format!("{error}"))?;
        self.check(reference.registry())?;
        let exact = reference.at(Digest::from_bytes(digest.0));
        self.client()?.pull(&exact, artifacts.folder()).await.map(|_| ()).map_err(|error| error.to_string())
    }

    fn check(&self, registry: &str) -> Result<(), String> {
        if self.allowed.iter().any(|allowed| allowed == ANY || allowed == registry) {
            return Ok(());
        }
        Err(format!(
            "this operator fetches nothing from the registry `{registry}`; `executor.registries` names those it may"
        ))
    }

    /// Made when it is first needed: most nodes never need one.
    fn client(&self) -> Result<&Registry, String> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let made = Registry::new(Bounds::default(), Credentials::from_environment());
        let made = made.map_err(|error| error.to_string())?;
        Ok(self.client.get_or_init(|| made))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_cannot_send_a_node_to_where_its_operator_does_not_want_it() {
        let some = Registries::new(vec!["registry.example:5000".into()]);
        some.check("registry.example:5000").unwrap();
        for registry in ["registry.example", "localhost:8080", "169.254.169.254", ""] {
            assert!(some.check(registry).unwrap_err().contains("executor.registries"));
        }
        Registries::new(vec!["*".into()]).check("localhost:8080").unwrap();
        Registries::new(Vec::new()).check("registry.example").unwrap_err();
    }
}
