//! Which sources changed since one looked last.

use crate::project::Project;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The sources' times of change.
#[derive(Default)]
pub struct Sources(BTreeMap<PathBuf, SystemTime>);

impl Sources {
    /// The sources as they are now, by path from the repository's root.
    pub fn now(project: &Project) -> Self {
        let mut sources = Self::default();
        let tops = ["crate", "web", "index.html", "Cargo.toml", "Cargo.lock", "package.json", "package-lock.json"];
        let tops = tops.iter().chain(&["vite.config.ts", "vite.embed.config.ts", "tsconfig.json"]);
        for top in tops {
            sources.add(&project.root, &project.root.join(top));
        }
        sources
    }

    fn add(&mut self, root: &Path, path: &Path) {
        // What a build writes is no source.
        if path.ends_with("web/generated") || path.ends_with("web/public/wasm") || path.ends_with("node_modules") {
            return;
        }
        if let Ok(entries) = fs::read_dir(path) {
            entries.flatten().for_each(|entry| self.add(root, &entry.path()));
        } else if let Ok(time) = fs::metadata(path).and_then(|meta| meta.modified()) {
            self.0.insert(path.strip_prefix(root).unwrap_or(path).to_owned(), time);
        }
    }

    /// The paths that are new, gone or written since `before`.
    pub fn changed_since(&self, before: &Self) -> Vec<PathBuf> {
        let written = self.0.iter().filter(|(path, time)| before.0.get(*path) != Some(time)).map(|(path, _)| path);
        let gone = before.0.keys().filter(|path| !self.0.contains_key(*path));
        written.chain(gone).cloned().collect()
    }
}
