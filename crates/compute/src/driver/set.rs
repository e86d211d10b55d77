use std::{path::Path, sync::Arc};

use super::{Driver, LoadError, Loaded};
use crate::program::Program;

/// The drivers of a node, as one.
#[derive(Default)]
pub struct DriverSet {
    drivers: Vec<Box<dyn Driver>>,
    absent: Vec<(String, String)>,
}

impl DriverSet {
    /// Adds a driver.
    pub fn with(mut self, driver: impl Driver + 'static) -> Self {
        self.drivers.push(Box::new(driver));
        self
    }

    /// Remembers why this machine cannot run a runtime, for those who ask for it.
    pub fn without(mut self, runtime: impl Into<String>, reason: impl Into<String>) -> Self {
        self.absent.push((runtime.into(), reason.into()));
        self
    }
}

impl Driver for DriverSet {
    fn runtimes(&self) -> Vec<String> {
        self.drivers.iter().flat_map(|driver| driver.runtimes()).collect()
    }

    fn load(&self, program: &Program, artifact: &Path) -> Result<Arc<dyn Loaded>, LoadError> {
        if let Some(driver) = self.drivers.iter().find(|driver| driver.runtimes().contains(&program.runtime)) {
            return driver.load(program, artifact);
        }
        let (wanted, offered) = (program.runtime.clone(), self.runtimes().join(", "));
        Err(match self.absent.iter().find(|(runtime, _)| *runtime == wanted) {
            Some((runtime, reason)) => LoadError::Machine { runtime: runtime.clone(), reason: reason.clone() },
            None => LoadError::Runtime { wanted, offered },
        })
    }
}
