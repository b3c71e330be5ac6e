//! What an exhibit is written in, as its page shows it.

use crate::refusal::Refusal;
use orrery_core::registry::Entry;
use std::fs;
use std::path::Path;

/// The exhibit's file, and after it the files of the folder beside it, if it has one, each under its name.
///
/// # Errors
/// A file cannot be read.
pub fn whole(entry: &Entry) -> Result<String, Refusal> {
    let name = entry.card.slug.replace('-', "_");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wings").join(entry.wing).join("src").join(&name);
    let failed = |fault: std::io::Error| Refusal::new(format!("{} cannot be read: {fault}", folder.display()));
    let mut source = entry.source.to_owned();
    if !folder.is_dir() {
        return Ok(source);
    }
    let files = fs::read_dir(&folder).map_err(failed)?.collect::<std::io::Result<Vec<_>>>().map_err(failed)?;
    let mut paths: Vec<_> = files.iter().map(fs::DirEntry::path).collect();
    paths.sort();
    for path in paths {
        let text = fs::read_to_string(&path).map_err(failed)?;
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        source += &format!("\n// {name}/{file}\n\n{text}");
    }
    Ok(source)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::REGISTRY;

    #[test]
    fn an_exhibit_of_several_files_is_shown_whole() {
        let entry = REGISTRY.find("memory-bench").expect("the memory bench");
        let source = whole(entry).expect("its files");
        assert!(source.starts_with(entry.source) && source.len() > entry.source.len());
        // Each module that the first file declares follows.
        for module in entry.source.lines().filter_map(|line| line.strip_prefix("mod ")?.strip_suffix(';')) {
            assert!(source.contains(&format!("\n// memory_bench/{module}.rs\n")), "{module}");
        }
    }
}
