//! The commands, on a registry of one small exhibit.

#[path = "specimen/heron.rs"]
mod heron;

use orrery_cli::command::{Answer, answer};
use orrery_cli::registry::Registry;
use orrery_core::registry::{Entry, Wing};
use serde_json::{Value as Json, json};
use std::fs;
use std::path::PathBuf;

static REGISTRY: Registry = Registry(&[
    &Wing {
        slug: "antiquity",
        title: "Antiquity",
        exhibits: &[Entry::of::<heron::HeronRoots>("antiquity", include_str!("specimen/heron.rs"))],
    },
    &Wing { slug: "empty", title: "Empty", exhibits: &[] },
]);

fn orrery(arguments: &[&str]) -> Answer {
    answer(&REGISTRY, [&["orrery"], arguments].concat(), false)
}

fn json_of(arguments: &[&str]) -> Json {
    let Answer { out, err, code } = orrery(arguments);
    assert_eq!((err.as_str(), code), ("", 0));
    serde_json::from_str(&out).unwrap()
}

/// A fresh folder of this test's own.
fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn file(folder: &std::path::Path, name: &str, bytes: &[u8]) -> String {
    fs::write(folder.join(name), bytes).unwrap();
    format!("@{}", folder.join(name).display())
}

fn mark(run: &Json, figure: usize, mark: usize) -> &Json {
    &run["figures"][figure]["marks"][mark]
}

#[test]
fn list_names_every_exhibit_and_its_controls() {
    assert_eq!(orrery(&["list"]).out, "Antiquity (antiquity)\n  heron-roots  Metrica (1896)\nEmpty (empty)\n");
    let listed = json_of(&["list", "--json"]);
    assert_eq!(listed[0]["slug"], "heron-roots");
    assert_eq!(listed[0]["controls"][0]["name"], "a");
    assert_eq!(listed[0]["scenarios"][1], json!({"id": "noise", "label": "kicked", "expect": "fails"}));
}

#[test]
fn run_gives_the_frame_the_claim_and_the_verdict() {
    let run = json_of(&["run", "heron-roots", "--json", "--steps", "3", "--set", "a=9", "--seed", "4"]);
    assert_eq!(run["step"], 3);
    assert_eq!(run["verdict"], "pending");
    let error = mark(&run, 0, 0);
    assert_eq!((&error["mark"], &error["of"]), (&json!("line"), &json!("heron")));
    assert_eq!(error["x"], json!([1.0, 2.0, 3.0]));
    // From 1, Heron's estimates of the root of 9 are 5, 3.4 and 3.0235…
    assert_eq!(error["y"][0], 16.0);
    assert!((error["y"][1].as_f64().unwrap() - 2.56).abs() < 1e-12);
    let value = run["claim"]["clauses"][0]["value"].as_f64().unwrap();
    assert_eq!(value, error["y"][2].as_f64().unwrap());
    assert_eq!(run["claim"]["clauses"][0]["sentence"], "Heron's error is 0.1417, at most 1e-9");

    let text = orrery(&["run", "heron-roots", "--steps", "2", "--set", "a=9"]).out;
    assert!(text.contains("heron-roots: step 2 of 60, seed 0, a = 9"), "{text}");
    assert!(text.contains("  line of heron\n    x: [1, 2]\n    y: [16, 2.55"), "{text}");
    assert!(text.contains("verdict: pending\nhash: "), "{text}");
    let whole = orrery(&["run", "heron-roots"]).out;
    assert!(whole.contains("verdict: holds"), "{whole}");
    let brief = answer(&REGISTRY, ["orrery", "run", "heron-roots"], true).out;
    assert!(brief.contains("x: [1, 2, 3, 4, 5, … 59, 60] (60 in all)"), "{brief}");
}

#[test]
fn the_hash_follows_the_seed_only_where_chance_plays_a_part() {
    let hash = |extra: &[&str]| json_of(&[&["run", "heron-roots", "--json"], extra].concat())["hash"].clone();
    assert_eq!(hash(&[]), hash(&["--seed", "7"]));
    assert_ne!(hash(&["--set", "noise=0.5"]), hash(&["--set", "noise=0.5", "--seed", "7"]));
    assert_eq!(hash(&["--set", "noise=0.5"]), hash(&["--scenario", "noise"]));
    assert_eq!(hash(&[]).as_str().unwrap().len(), 16);
}

#[test]
fn values_are_read_by_the_kind_of_their_control() {
    let run = json_of(&[
        "run",
        "heron-roots",
        "--json",
        "--steps",
        "1",
        "--set",
        "a=4",
        "--set",
        "steps=7",
        "--set",
        "front=bisection",
        "--set",
        "drawn=bisection",
        "--set",
        "start=1,2; 3,4",
        "--set",
        "offset=x",
        "--set",
        "signal=0,1",
        "--set",
        "text=a, b = c",
        "--set",
        "relative=1",
        "--set",
        r#"table={"columns":["u"],"rows":[[1],[2]]}"#,
    ]);
    assert_eq!(run["length"], 7);
    assert_eq!(mark(&run, 0, 0)["of"], "bisection");
    assert_eq!(run["figures"][0]["marks"].as_array().unwrap().len(), 1);
    assert_eq!(mark(&run, 1, 0)["x"], json!([1.0, 3.0]));
    assert_eq!(mark(&run, 1, 1)["y"], json!([0.0, 0.25, 0.5, 0.75, 1.0]));
    assert_eq!(mark(&run, 2, 0)["columns"][1]["words"], json!(["Heron", "a, b = c"]));
    assert_eq!(mark(&run, 2, 0)["columns"][2]["numbers"], json!([1.0, 2.0]));
    assert_eq!(run["settings"]["relative"], true);
    let nobody = json_of(&["run", "heron-roots", "--json", "--set", "drawn="]);
    assert_eq!(nobody["figures"][0]["marks"], json!([]));
}

#[test]
fn data_controls_are_read_from_files() {
    let folder = folder("data");
    let points = file(&folder, "points.csv", b"\xef\xbb\xbfx, y\n# the first\n1, 2\n3,4\n");
    let signal = file(&folder, "signal.csv", b"-1\n0\n1\n");
    let text = file(&folder, "text.txt", "grüße".as_bytes());
    let table = file(&folder, "table.csv", b"\"u, v\",w\n1,2e1\n3,4\n");
    let mut png = Vec::new();
    {
        // 8 x 2 in colour: black, white, and half-transparent black, which is grey on white.
        let mut encoder = png::Encoder::new(&mut png, 8, 2);
        encoder.set_color(png::ColorType::Rgba);
        let row = [[0, 0, 0, 255], [0, 0, 0, 255], [255; 4], [255; 4], [0, 0, 0, 51], [0, 0, 0, 51], [0; 4], [0; 4]];
        encoder.write_header().unwrap().write_image_data(&[row, row].concat().concat()).unwrap();
    }
    let image = file(&folder, "image.png", &png);
    let set = |name: &str, value: &str| format!("{name}={value}");
    let run = json_of(&[
        "run",
        "heron-roots",
        "--json",
        "--steps",
        "0",
        "--set",
        &set("start", &points),
        "--set",
        &set("signal", &signal),
        "--set",
        &set("text", &text),
        "--set",
        &set("table", &table),
        "--set",
        &set("image", &image),
    ]);
    assert_eq!(mark(&run, 1, 0)["y"], json!([2.0, 4.0]));
    assert_eq!(mark(&run, 1, 1)["y"], json!([-1.0, -0.5, 0.0, 0.5, 1.0]));
    assert_eq!(mark(&run, 2, 0)["headers"], json!(["x", "of", "u, v", "w"]));
    assert_eq!(mark(&run, 2, 0)["columns"][1]["words"][1], "grüße");
    assert_eq!(mark(&run, 2, 0)["columns"][3]["numbers"], json!([20.0, 4.0]));
    assert_eq!(mark(&run, 1, 2)["columns"], 4);
    assert_eq!(mark(&run, 1, 2)["values"], json!([0.0, 1.0, 0.8, 1.0]));
}

#[test]
fn what_cannot_be_used_is_refused_in_one_line_with_exit_2() {
    let folder = folder("refused");
    let bad = file(&folder, "bad.csv", b"1,2\n3,four\n");
    let wide = file(&folder, "wide.csv", b"1,2,3\n");
    let empty = file(&folder, "empty.csv", b"");
    let bytes = file(&folder, "bytes.txt", &[0xff, 0xfe]);
    for (arguments, says) in [
        (&[][..], "requires a subcommand"),
        (&["fly"], "unrecognized subcommand"),
        (&["run"], "required arguments were not provided"),
        (&["run", "heron-root"], "there is no exhibit \"heron-root\"; did you mean heron-roots?"),
        (&["run", "zzz"], "there is no exhibit \"zzz\""),
        (&["check", "antiquty"], "did you mean antiquity?"),
        (&["check", "--seeds", "0"], "0 is not in 1..=1000"),
        (&["run", "heron-roots", "--seed", "-1"], "unexpected argument"),
        (&["run", "heron-roots", "--seed", "9007199254740992"], "is not in 0..=9007199254740991"),
        (&["run", "heron-roots", "--scenario", "quiet"], "has no scenario \"quiet\"; it has default, noise"),
        (&["run", "heron-roots", "--set", "noise"], "--set takes name=value"),
        (&["run", "heron-roots", "--set", "noize=1"], "has no control \"noize\"; did you mean noise?"),
        (&["run", "heron-roots", "--set", "noise=2"], "noise: takes a number from 0 to 1, and 2 is outside"),
        (&["run", "heron-roots", "--set", "noise=loud"], "noise: takes a number from 0 to 1, not \"loud\""),
        (&["run", "heron-roots", "--set", "noise=nan"], "noise: takes a number from 0 to 1, not \"nan\""),
        (&["run", "heron-roots", "--set", "noise=@n.csv"], "noise: takes its value as it is typed"),
        (&["run", "heron-roots", "--set", "steps=1.5"], "steps: takes a whole number from 1 to 500"),
        (&["run", "heron-roots", "--set", "front=newton"], "front: takes one of heron, bisection"),
        (&["run", "heron-roots", "--set", "relative=yes"], "relative: takes true or false"),
        (&["run", "heron-roots", "--set", "start=1,2,3"], "start: point 1 is not a pair"),
        (&["run", "heron-roots", "--set", "start=1;x"], "start: \"x\" is not a number"),
        (&["run", "heron-roots", "--set", "offset=y"], "offset: is x or a number (at character 1)"),
        (&["run", "heron-roots", "--set", "image=x"], "image: takes an image from a file"),
        (&["run", "heron-roots", "--set", "text=@none.txt"], "none.txt cannot be read"),
        (&["run", "heron-roots", "--set", &format!("start={bad}")], "bad.csv: line 2: \"four\" is not a number"),
        (&["run", "heron-roots", "--set", &format!("start={wide}")], "line 1 has 3 columns, and 2 are needed"),
        (&["run", "heron-roots", "--set", &format!("signal={empty}")], "there are no numbers"),
        (&["run", "heron-roots", "--set", &format!("table={empty}")], "there is no header"),
        (&["run", "heron-roots", "--set", &format!("image={bad}")], "this is not a PNG image"),
        (&["run", "heron-roots", "--set", &format!("text={bytes}")], "is not UTF-8 text"),
        (&["hashes", "--out", "/nowhere/at/all.json"], "/nowhere/at/all.json cannot be written"),
    ] {
        let Answer { out, err, code } = orrery(arguments);
        assert_eq!((out.as_str(), code), ("", 2), "{arguments:?}");
        assert!(err.starts_with("orrery: ") && err.contains(says), "{arguments:?}: {err}");
        assert_eq!(err.matches('\n').count(), 1, "{arguments:?}: {err}");
    }
    assert_eq!(orrery(&["--help"]).code, 0);
}

#[test]
fn check_runs_every_scenario_over_every_seed() {
    let Answer { out, code, .. } = orrery(&["check", "--seeds", "3"]);
    assert_eq!(code, 0);
    assert!(out.contains("6 runs, each as its scenario says"), "{out}");
    assert!(out.contains("≤ 1e-9"), "{out}");
    let outcomes = json_of(&["check", "antiquity", "--json"]);
    assert_eq!(outcomes[1]["scenario"], "noise");
    assert_eq!((&outcomes[1]["verdict"], &outcomes[1]["agrees"]), (&json!("fails"), &json!(true)));
    assert_eq!(outcomes[0]["clauses"][0]["high"], 1e-9);
    assert_eq!(orrery(&["check", "empty"]).code, 0);
}

#[test]
fn the_manifest_is_the_same_bytes_each_time_and_touches_only_what_changed() {
    let folder = folder("manifest");
    let out = folder.display().to_string();
    fs::create_dir_all(folder.join("poster")).unwrap();
    fs::write(folder.join("poster/gone.json"), "{}").unwrap();
    assert_eq!(orrery(&["manifest", "--out", &out]).out, "1 exhibits run, 3 files changed, 1 removed\n");
    let read = |name: &str| fs::read(folder.join(name)).unwrap();
    let first = [read("manifest.json"), read("exhibit/heron-roots.json"), read("poster/heron-roots.json")];
    assert_eq!(orrery(&["manifest", "--out", &out]).out, "1 exhibits run, 0 files changed, 0 removed\n");
    assert_eq!(first, [read("manifest.json"), read("exhibit/heron-roots.json"), read("poster/heron-roots.json")]);

    let [manifest, page, poster] = first.map(|bytes| serde_json::from_slice::<Json>(&bytes).unwrap());
    assert_eq!(manifest["wings"], json!([{"slug": "antiquity", "title": "Antiquity"}]));
    assert_eq!(manifest["exhibits"][0]["verdict"], "holds");
    assert_eq!(manifest["exhibits"][0]["contenders"][1]["baseline"], true);
    assert_eq!(page["slug"], "heron-roots");
    assert_eq!(page["specs"][0]["name"], "a");
    assert_eq!(page["scenarios"][1]["settings"], json!({"noise": 0.5}));
    assert!(page["source"].as_str().unwrap().starts_with("//! Heron of Alexandria"));
    let essay = page["essay"].as_str().unwrap();
    assert!(essay.contains(r#"<span class="math math-inline">a</span>"#), "{essay}");
    assert!(essay.contains(r#"<span class="math math-display"> x_{k+1}"#), "{essay}");
    assert!(essay.contains("<strong>What you see.</strong>") && essay.contains("Newton’s"), "{essay}");

    // The poster is the first figure of the frame, and its numbers are the beginning of the frame's.
    assert_eq!(poster["layout"][0], page["frame"]["layout"][0]);
    assert_eq!((poster["layout"].as_array().unwrap().len(), page["frame"]["layout"].as_array().unwrap().len()), (1, 3));
    let numbers = |frame: &Json| {
        use base64::Engine;
        let bytes = base64::engine::general_purpose::STANDARD.decode(frame["data"].as_str().unwrap()).unwrap();
        bytes.chunks(4).map(|four| f32::from_le_bytes(four.try_into().unwrap())).collect::<Vec<_>>()
    };
    let (lead, all) = (numbers(&poster), numbers(&page["frame"]));
    assert_eq!(lead, all[..lead.len()]);
    let run = json_of(&["run", "heron-roots", "--json"]);
    let y = mark(&run, 0, 0)["y"].as_array().unwrap().iter().map(|y| y.as_f64().unwrap() as f32);
    assert_eq!(y.collect::<Vec<_>>(), lead[60..120]);
}

#[test]
fn a_manifest_of_some_runs_them_and_what_is_missing() {
    let folder = folder("some");
    let out = folder.display().to_string();
    let some = || orrery(&["manifest", "--out", &out, "--only", "empty"]).out;
    assert_eq!(some(), "1 exhibits run, 3 files changed, 0 removed\n");
    let manifest = || fs::read(folder.join("manifest.json")).unwrap();
    let whole = manifest();
    assert_eq!(some(), "0 exhibits run, 0 files changed, 0 removed\n");
    assert_eq!(manifest(), whole);
    fs::remove_file(folder.join("poster/heron-roots.json")).unwrap();
    assert_eq!(some(), "1 exhibits run, 1 files changed, 0 removed\n");
}

#[test]
fn hashes_are_those_of_the_runs() {
    let folder = folder("hashes");
    let path = folder.join("hashes.json");
    assert_eq!(orrery(&["hashes", "--out", &path.display().to_string(), "--only", "heron-roots,antiquity"]).code, 0);
    let hashes: Json = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let list = hashes["heron-roots"].as_array().unwrap();
    let moments: Vec<_> = list.iter().map(|hashed| (hashed["scenario"].as_str().unwrap(), &hashed["step"])).collect();
    assert_eq!(moments, [("default", &json!(1)), ("default", &json!(3)), ("default", &json!(6)), ("noise", &json!(3))]);
    let run = json_of(&["run", "heron-roots", "--json", "--set", "noise=0.5", "--steps", "3"]);
    assert_eq!(list[3]["hash"], run["hash"]);
    assert_eq!(list[3]["settings"], json!({"noise": 0.5}));
}

#[test]
fn the_binary_answers_as_its_commands_do() {
    let orrery = |arguments: &[&str]| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_orrery")).args(arguments).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, out, err) = orrery(&["list", "--json"]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert!(serde_json::from_str::<Json>(&out).unwrap().is_array());
    let (code, out, err) = orrery(&["run", "no-such-paper"]);
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(err.starts_with("orrery: there is no exhibit \"no-such-paper\"") && err.lines().count() == 1, "{err}");
}
