use std::path::{Path, PathBuf};

use sqlx::sqlite::SqliteConnectOptions;

/// A directory for SQLite's files, which is deleted when the value is dropped.
pub struct Scratch(PathBuf);

impl Scratch {
    /// An empty directory.
    pub fn new() -> Self {
        let path = std::env::temp_dir().join(super::unique());
        std::fs::create_dir(&path).expect("a new directory");
        Self(path)
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// How to open the one database of the directory, which is created if it is missing. Nothing
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
