//! What must be on the machine, and how it gets there.

use crate::project::{Project, fingerprint, run};
use anyhow::{Context as _, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const NODE: u32 = 20;

/// Rust's WebAssembly target, Node, and the packages of `package-lock.json`.
pub fn for_building(project: &Project) -> Result<()> {
    wasm_target(project)?;
    node()?;
    npm_packages(&project.root)
}

fn wasm_target(project: &Project) -> Result<()> {
    let target = "wasm32-unknown-unknown";
    let mut rustc = project.command("rustc");
    let output =
        rustc.args(["--print", "target-libdir", "--target", target]).output().context("rustc does not start")?;
    if Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_dir() {
        return Ok(());
    }
    run(project.command("rustup").args(["target", "add", target])).context("Rust's WebAssembly target is missing")
}

fn node() -> Result<()> {
    let missing = || format!("Node {NODE} or newer is needed, with npm: https://nodejs.org");
    let output = Command::new("node").arg("--version").output().with_context(missing)?;
    let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let major = version.trim_start_matches('v').split('.').next().and_then(|major| major.parse().ok());
    if major.is_none_or(|major: u32| major < NODE) {
        bail!("{}; this one is {version}", missing());
    }
    Ok(())
}

/// Installs what the lock file of `folder` says, when it changed. Not by `npm ci`: a lock file made where some registry lacks the
/// optional packages of other platforms does not list them, and `npm ci` refuses it on every platform.
pub fn npm_packages(folder: &Path) -> Result<()> {
    let lock = fs::read(folder.join("package-lock.json")).context("package-lock.json is missing")?;
    let print = fingerprint(&lock);
    // Inside node_modules, so that it goes when that folder goes.
    let stamp = folder.join("node_modules/.orrery-lock");
    if fs::read_to_string(&stamp).is_ok_and(|old| old == print) {
        return Ok(());
    }
    eprintln!("installing npm packages");
    run(Command::new("npm").current_dir(folder).args(["install", "--no-save", "--no-audit", "--no-fund"]))?;
    fs::write(stamp, print)?;
    Ok(())
}

/// A Chromium for the tests: the one that `CHROMIUM` names, one on the path, or Debian's, freshly installed.
pub fn chromium() -> Result<PathBuf> {
    if let Some(named) = std::env::var_os("CHROMIUM") {
        let path = PathBuf::from(named);
        return if path.is_file() { Ok(path) } else { bail!("CHROMIUM names {}, which is no file", path.display()) };
    }
    if let Some(found) = chromium_on_path() {
        return Ok(found);
    }
    if !can_install() {
        bail!("the tests need Chromium: install it (on Debian: apt-get install chromium), or name it in CHROMIUM");
    }
    eprintln!("installing Chromium");
    apt_install(&["chromium", "fonts-dejavu-core"])?;
    chromium_on_path().context("Chromium was installed and is still not on the path")
}

/// A Vulkan device for the native tests of the GPU: any that is there, or Mesa's in software, freshly installed.
pub fn vulkan() -> Result<()> {
    if cfg!(target_os = "macos") || vulkan_driver() {
        return Ok(());
    }
    if !can_install() {
        bail!(
            "the tests need a Vulkan driver: install one (on Debian: apt-get install mesa-vulkan-drivers libvulkan1)"
        );
    }
    eprintln!("installing Mesa's Vulkan drivers");
    apt_install(&["mesa-vulkan-drivers", "libvulkan1"])?;
    if vulkan_driver() { Ok(()) } else { bail!("Mesa's Vulkan drivers were installed and are still not to be found") }
}

/// Whether the Vulkan loader would find a driver.
fn vulkan_driver() -> bool {
    if ["VK_DRIVER_FILES", "VK_ICD_FILENAMES"].iter().any(|name| std::env::var_os(name).is_some()) {
        return true;
    }
    let folders = ["/usr/share/vulkan/icd.d", "/etc/vulkan/icd.d", "/usr/local/share/vulkan/icd.d"];
    folders.iter().any(|folder| fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()))
}

fn can_install() -> bool {
    Path::new("/usr/bin/apt-get").is_file() && is_root()
}

fn apt_install(packages: &[&str]) -> Result<()> {
    let apt = |words: &[&str]| run(Command::new("apt-get").env("DEBIAN_FRONTEND", "noninteractive").args(words));
    apt(&["update", "-qq"])?;
    apt(&[&["install", "-y", "-qq", "--no-install-recommends"], packages].concat())
}

fn chromium_on_path() -> Option<PathBuf> {
    let names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
    let path = std::env::var_os("PATH")?;
    let folders: Vec<_> =
        std::env::split_paths(&path).chain(["/Applications/Google Chrome.app/Contents/MacOS".into()]).collect();
    let names = names.iter().chain(&["Google Chrome"]);
    names.flat_map(|name| folders.iter().map(move |folder| folder.join(name))).find(|candidate| candidate.is_file())
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}
