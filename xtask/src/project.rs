//! Where things are: the repository, the target folder, the wings.

use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// One crate of exhibits, one WebAssembly module.
pub struct Wing {
    /// Its name in files and on the command line.
    pub slug: String,
    /// Its crate.
    pub package: String,
    /// The crate's folder.
    pub folder: PathBuf,
}

/// The checked-out repository.
pub struct Project {
    /// The repository's folder.
    pub root: PathBuf,
    /// Cargo's target folder.
    pub target: PathBuf,
    /// All wings, by name.
    pub wings: Vec<Wing>,
}

impl Project {
    /// The project this program was built from.
    pub fn here() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask stands in the repository")?.to_owned();
        let mut metadata = Command::new(cargo());
        metadata.args(["metadata", "--no-deps", "--format-version", "1"]).current_dir(&root);
        let output = metadata.output().context("cargo metadata does not start")?;
        if !output.status.success() {
            bail!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
        }
        let metadata: Value = serde_json::from_slice(&output.stdout).context("cargo metadata gives JSON")?;
        let text = |value: &Value| value.as_str().map(str::to_owned).context("cargo metadata gives names");
        let target = text(&metadata["target_directory"])?.into();
        let halls = root.join("crate/wings");
        let mut wings = Vec::new();
        for package in metadata["packages"].as_array().context("cargo metadata lists packages")? {
            let manifest = PathBuf::from(text(&package["manifest_path"])?);
            let Some(folder) = manifest.parent().filter(|folder| folder.parent() == Some(&halls)) else { continue };
            let slug = folder.file_name().context("a wing's folder has a name")?.to_string_lossy().into_owned();
            wings.push(Wing { slug, package: text(&package["name"])?, folder: folder.to_owned() });
        }
        wings.sort_by(|a, b| a.slug.cmp(&b.slug));
        Ok(Self { root, target, wings })
    }

    /// All wings, or the one that is `only` or holds the exhibit `only`.
    pub fn wings_of(&self, only: Option<&str>) -> Result<Vec<&Wing>> {
        let Some(only) = only else { return Ok(self.wings.iter().collect()) };
        let file = format!("{}.rs", only.replace('-', "_"));
        let holds =
            |wing: &&Wing| wing.slug == only || (file != "lib.rs" && wing.folder.join("src").join(&file).is_file());
        match self.wings.iter().find(holds) {
            Some(wing) => Ok(vec![wing]),
            None => bail!("no wing and no exhibit is called {only}"),
        }
    }

    /// A folder for what xtask itself keeps between runs.
    pub fn scratch(&self) -> Result<PathBuf> {
        let folder = self.target.join("xtask");
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(folder)
    }

    /// A command that runs in the repository.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root);
        command
    }

    /// A cargo command.
    pub fn cargo(&self) -> Command {
        self.command(&cargo())
    }

    /// A tool that npm installed.
    pub fn npm_tool(&self, name: &str) -> Command {
        let mut command = Command::new(self.root.join("node_modules/.bin").join(name));
        command.current_dir(&self.root);
        command
    }
}

fn cargo() -> String {
    std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned())
}

/// Runs a command whose output is progress, and no result: all of it goes to standard error.
pub fn run(command: &mut Command) -> Result<()> {
    let status =
        command.stdout(std::io::stderr()).status().with_context(|| format!("{} does not start", shown(command)))?;
    if !status.success() {
        bail!("{} failed", shown(command));
    }
    Ok(())
}

/// A command as one would type it.
pub fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let words = std::iter::once(program).chain(command.get_args());
    let mut words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
    if words.len() > 12 {
        words.truncate(12);
        words.push("…".into());
    }
    words.join(" ")
}

/// A short name for a file's content, to see whether it changed.
pub fn fingerprint(bytes: &[u8]) -> String {
    let fold = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    format!("{:016x}", bytes.iter().fold(0xcbf2_9ce4_8422_2325, fold))
}
