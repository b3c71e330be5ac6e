//! A static server on loopback over the last good build, and the loop that renews it.

use crate::project::{Project, Wing};
use crate::site;
use crate::watch::Sources;
use anyhow::{Context as _, Result};
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

/// Builds, serves, and rebuilds what a change touches, until it is interrupted.
pub fn serve(project: &Project, port: u16) -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .with_context(|| format!("port {port} is taken; choose another with --port"))?;
    let mut seen = Sources::now(project);
    site::build(project, &project.wings.iter().collect::<Vec<_>>())?;
    let mut copies = 0_usize;
    let shown = Arc::new(RwLock::new(keep(project, copies)?));

    let folder = Arc::clone(&shown);
    println!("\nOrrery is at http://{}/ (Ctrl-C ends it)\n", listener.local_addr()?);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let Ok(folder) = folder.read().map(|folder| folder.clone()) else { return };
            // A visitor who goes away in the middle of an answer is no fault of ours.
            std::thread::spawn(move || answer(&stream, &folder).ok());
        }
    });

    loop {
        std::thread::sleep(Duration::from_millis(500));
        let now = Sources::now(project);
        let changed = now.changed_since(&seen);
        if changed.is_empty() {
            continue;
        }
        seen = now;
        let names: Vec<_> = changed.iter().map(|path| path.display().to_string()).take(3).collect();
        println!("changed: {}{}", names.join(", "), if changed.len() > 3 { ", …" } else { "" });
        let start = Instant::now();
        match rebuild(project, &changed).and_then(|()| keep(project, copies + 1)) {
            Ok(fresh) => {
                copies += 1;
                if let Ok(mut folder) = shown.write() {
                    fs::remove_dir_all(std::mem::replace(&mut *folder, fresh)).ok();
                }
                println!("rebuilt in {:.1} s; reload the page", start.elapsed().as_secs_f64());
            }
            Err(error) => eprintln!("{error:#}\nthe last good build is still served"),
        }
    }
}

/// Rebuilds what depends on `changed`: a wing's file touches its wing; other Rust code, all wings; the rest, the pages.
fn rebuild(project: &Project, changed: &[PathBuf]) -> Result<()> {
    let rust =
        |path: &&PathBuf| path.starts_with("crate") || path.starts_with("Cargo.toml") || path.starts_with("Cargo.lock");
    let touched: Vec<_> = changed.iter().filter(rust).collect();
    if touched.is_empty() {
        crate::tools::for_building(project)?;
        return site::pages(project);
    }
    let within = |wing: &Wing, path: &Path| project.root.join(path).starts_with(&wing.folder);
    let in_wings = touched.iter().all(|path| project.wings.iter().any(|wing| within(wing, path)));
    let dirty = |wing: &&Wing| !in_wings || touched.iter().any(|path| within(wing, path));
    let wings: Vec<_> = project.wings.iter().filter(dirty).collect();
    site::build(project, &wings)
}

/// Copies `dist/` away, so that a later build that fails leaves this one whole.
fn keep(project: &Project, number: usize) -> Result<PathBuf> {
    let copy = project.scratch()?.join("served").join(number.to_string());
    if copy.exists() {
        fs::remove_dir_all(&copy)?;
    }
    copy_folder(&project.root.join("dist"), &copy)?;
    Ok(copy)
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// Answers one request and hangs up.
fn answer(stream: &TcpStream, folder: &Path) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut reader = BufReader::new(stream);
    let mut request = String::new();
    reader.read_line(&mut request)?;
    let mut header = String::new();
    while reader.read_line(&mut header)? > 2 {
        header.clear();
    }
    let mut words = request.split_whitespace();
    let (method, address) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let path = address.split(['?', '#']).next().unwrap_or_default();
    let found = find(folder, path);
    let mut stream = stream;
    match found {
        _ if method != "GET" && method != "HEAD" => head(stream, "405 Method Not Allowed", "text/plain", 0, ""),
        Found::File(file) => {
            let body = fs::read(&file)?;
            head(stream, "200 OK", kind(&file), body.len(), "")?;
            if method == "GET" { stream.write_all(&body) } else { Ok(()) }
        }
        Found::Folder => head(stream, "308 Permanent Redirect", "text/plain", 0, &format!("Location: {path}/\r\n")),
        Found::Nothing => {
            // As hosts of static sites do, whatever the address.
            let body = fs::read(folder.join("404.html")).unwrap_or_else(|_| b"There is nothing here.\n".into());
            head(stream, "404 Not Found", "text/html; charset=utf-8", body.len(), "")?;
            stream.write_all(&body)
        }
    }
}

fn head(mut stream: &TcpStream, status: &str, kind: &str, length: usize, more: &str) -> std::io::Result<()> {
    let same = "Cache-Control: no-cache\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n";
    write!(stream, "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n{same}{more}\r\n")
}

#[derive(Debug, PartialEq)]
enum Found {
    File(PathBuf),
    Folder,
    Nothing,
}

/// What a request's path means in `folder`: a file, a folder's `index.html`, or nothing; never anything outside.
fn find(folder: &Path, path: &str) -> Found {
    let within = Path::new(path.trim_start_matches('/'));
    if !path.starts_with('/') || !within.components().all(|part| matches!(part, Component::Normal(_))) {
        return Found::Nothing;
    }
    let file = folder.join(within);
    if file.is_file() {
        return Found::File(file);
    }
    let index = file.join("index.html");
    match (index.is_file(), path.ends_with('/')) {
        (true, true) => Found::File(index),
        (true, false) => Found::Folder,
        _ => Found::Nothing,
    }
}

fn kind(file: &Path) -> &'static str {
    match file.extension().and_then(|end| end.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("json" | "map") => "application/json",
        Some("wasm") => "application/wasm",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        Some("woff2") => "font/woff2",
        Some("woff") => "font/woff",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_finds_files_and_indices_and_never_leaves_the_folder() {
        let folder = std::env::temp_dir().join(format!("orrery-serve-{}", std::process::id()));
        fs::create_dir_all(folder.join("site/e/lion")).unwrap();
        fs::write(folder.join("secret"), "").unwrap();
        fs::write(folder.join("site/e/lion/index.html"), "").unwrap();
        fs::write(folder.join("site/app.js"), "").unwrap();
        let site = folder.join("site");
        assert_eq!(find(&site, "/app.js"), Found::File(site.join("app.js")));
        assert_eq!(find(&site, "/e/lion/"), Found::File(site.join("e/lion/index.html")));
        assert_eq!(find(&site, "/e/lion"), Found::Folder);
        for outside in ["/../secret", "/e/../../secret", "../secret", "/e/", "/none", ""] {
            assert_eq!(find(&site, outside), Found::Nothing, "{outside}");
        }
        assert_eq!(find(&site, &format!("/{}", folder.join("secret").display())), Found::Nothing);
        fs::remove_dir_all(folder).unwrap();
    }
}
