use std::path::{Path, PathBuf};

use sqlx::sqlite::SqliteConnectOptions;

/// A directory for SQLite's files, which goes when it is dropped.
pub struct Scratch(PathBuf);

impl Scratch {
    /// An empty one.
    pub fn new() -> Self {
        let path = std::env::temp_dir().join(super::unique());
        std::fs::create_dir(&path).expect("a new directory");
        Self(path)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// How to open the one database of the directory, which is made when it isn't there. Nothing
    /// waits for a lock.
    pub fn options(&self) -> SqliteConnectOptions {
        SqliteConnectOptions::new()
            .filename(self.0.join("database"))
            .create_if_missing(true)
            .busy_timeout(std::time::Duration::ZERO)
    }
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
