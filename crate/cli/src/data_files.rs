//! Data controls from files: points and curves from CSV, tables from CSV with a header, images from PNG, text as it is.

use orrery_core::control::{ImageSpec, Kind};
use serde_json::{Value as Json, json};
use std::fs;
use std::io::Cursor;
use std::path::Path;

/// The value of a control of this kind, from the file at `path`.
///
/// # Errors
/// A sentence: the file cannot be read, does not hold what the control takes, or the control takes no file.
pub fn read(kind: &Kind, path: &Path) -> Result<Json, String> {
    let shown = path.display();
    let bytes = || fs::read(path).map_err(|fault| format!("{shown} cannot be read: {fault}"));
    let text = || String::from_utf8(bytes()?).map_err(|_| format!("{shown} is not UTF-8 text"));
    let value = match kind {
        Kind::Points(_) => points(&text()?),
        Kind::Curve(spec) => column(&text()?).and_then(|values| curve(&values, spec.samples)),
        Kind::Table(_) => table(&text()?),
        Kind::Image(spec) => image(&bytes()?, spec),
        Kind::Text(_) => Ok(json!(text()?)),
        Kind::Formula(_) => Ok(json!(text()?.trim())),
        _ => return Err("takes its value as it is typed, not from a file".to_owned()),
    };
    value.map_err(|fault| format!("{shown}: {fault}"))
}

/// The records of a CSV file with the line each begins on; cells are trimmed, lines from `#` on are comments.
fn records(text: &str) -> Result<Vec<(u64, Vec<String>)>, String> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .comment(Some(b'#'))
        .from_reader(text.trim_start_matches('\u{feff}').as_bytes());
    let record = |record: csv::Result<csv::StringRecord>| {
        let record = record.map_err(|fault| fault.to_string())?;
        let line = record.position().map_or(0, csv::Position::line);
        Ok((line, record.iter().map(str::to_owned).collect()))
    };
    reader.records().map(record).collect()
}

fn cells(line: u64, record: &[String]) -> Result<Vec<f64>, String> {
    let number = |cell: &String| {
        let number = cell.parse::<f64>().ok().filter(|number| number.is_finite());
        number.ok_or_else(|| format!("line {line}: {cell:?} is not a number"))
    };
    record.iter().map(number).collect()
}

/// The rows of numbers, without a header if there is one: a first row in which no cell is a number.
fn rows(text: &str, columns: usize) -> Result<Vec<Vec<f64>>, String> {
    let mut records = records(text)?;
    if records.first().is_some_and(|(_, first)| first.iter().all(|cell| cell.parse::<f64>().is_err())) {
        records.remove(0);
    }
    let row = |(line, record): (u64, Vec<String>)| match record.len() {
        len if len == columns => cells(line, &record),
        len => Err(format!("line {line} has {len} columns, and {columns} are needed")),
    };
    records.into_iter().map(row).collect()
}

fn points(text: &str) -> Result<Json, String> {
    rows(text, 2).map(|rows| json!(rows))
}

fn column(text: &str) -> Result<Vec<f64>, String> {
    rows(text, 1).map(|rows| rows.concat())
}

/// `values`, evenly spaced, at `samples` even spacings: linear between neighbours.
///
/// # Errors
/// There are no values.
pub fn curve(values: &[f64], samples: usize) -> Result<Json, String> {
    let Some(last) = values.len().checked_sub(1) else { return Err("there are no numbers".to_owned()) };
    let at = |sample: usize| {
        let position = if samples > 1 { (sample * last) as f64 / (samples - 1) as f64 } else { 0.0 };
        let left = (position as usize).min(last);
        let (a, b) = (values[left], values[(left + 1).min(last)]);
        let share = position - left as f64;
        if share == 0.0 { a } else { a + (b - a) * share }
    };
    Ok((0..samples).map(at).collect())
}

fn table(text: &str) -> Result<Json, String> {
    let mut records = records(text)?.into_iter();
    let Some((_, columns)) = records.next() else { return Err("there is no header".to_owned()) };
    let row = |(line, record): (u64, Vec<String>)| match record.len() {
        len if len == columns.len() => cells(line, &record),
        len => Err(format!("line {line} has {len} cells, and the header names {} columns", columns.len())),
    };
    let rows: Vec<Vec<f64>> = records.map(row).collect::<Result<_, _>>()?;
    Ok(json!({ "columns": columns, "rows": rows }))
}

/// A PNG as grey brightness or colours on white, scaled down to the control's size.
fn image(bytes: &[u8], spec: &ImageSpec) -> Result<Json, String> {
    let mut decoder = png::Decoder::new(Cursor::new(bytes));
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    let not_png = |fault: png::DecodingError| format!("this is not a PNG image: {fault}");
    let mut reader = decoder.read_info().map_err(not_png)?;
    let size = reader.output_buffer_size().ok_or("the image is too large")?;
    let mut buffer = vec![0; size];
    let info = reader.next_frame(&mut buffer).map_err(not_png)?;
    let samples = info.color_type.samples();
    let (width, height) = (info.width as usize, info.height as usize);
    let small = |of: fn(&[u8]) -> f64| {
        let pixels = buffer[..info.buffer_size()].chunks_exact(samples).map(of).collect();
        scaled_down(width, height, pixels, spec.max_width, spec.max_height)
    };
    if !spec.color {
        let (width, height, pixels) = small(grey);
        return Ok(json!({ "width": width, "height": height, "pixels": pixels }));
    }
    let [(width, height, red), (.., green), (.., blue)] = [small(part::<0>), small(part::<1>), small(part::<2>)];
    let pixels: Vec<f64> = red.iter().zip(&green).zip(&blue).flat_map(|((r, g), b)| [*r, *g, *b]).collect();
    Ok(json!({ "width": width, "height": height, "pixels": pixels }))
}

/// Red, green or blue of one pixel of 1 to 4 samples, on white.
fn part<const K: usize>(samples: &[u8]) -> f64 {
    match *samples {
        [r, g, b] => grey(&[[r, g, b][K]]),
        [r, g, b, alpha] => grey(&[[r, g, b][K], alpha]),
        _ => grey(samples),
    }
}

/// The brightness of one pixel of 1 to 4 samples (grey, grey and alpha, RGB, RGBA), on white.
fn grey(samples: &[u8]) -> f64 {
    let share = |sample: u8| f64::from(sample) / 255.0;
    let (brightness, alpha) = match *samples {
        [grey] => (share(grey), 1.0),
        [grey, alpha] => (share(grey), share(alpha)),
        [r, g, b] => (luma(r, g, b), 1.0),
        [r, g, b, alpha] => (luma(r, g, b), share(alpha)),
        _ => (1.0, 1.0),
    };
    brightness * alpha + (1.0 - alpha)
}

/// Rec. 709 luma.
fn luma(r: u8, g: u8, b: u8) -> f64 {
    ((0.2126 * f64::from(r) + 0.7152 * f64::from(g) + 0.0722 * f64::from(b)) / 255.0).min(1.0)
}

/// Each pixel of the smaller image is the mean of the area it covers; the sides keep their ratio.
fn scaled_down(
    width: usize,
    height: usize,
    pixels: Vec<f64>,
    max_width: usize,
    max_height: usize,
) -> (usize, usize, Vec<f64>) {
    let shrink = (width as f64 / max_width as f64).max(height as f64 / max_height as f64);
    if shrink <= 1.0 {
        return (width, height, pixels);
    }
    let side = |side: usize, max: usize| ((side as f64 / shrink).round() as usize).clamp(1, max);
    let (columns, rows) = (side(width, max_width), side(height, max_height));
    let across: Vec<_> = (0..columns).map(|column| covered(column, columns, width)).collect();
    let down: Vec<_> = (0..rows).map(|row| covered(row, rows, height)).collect();
    let mut scaled = Vec::with_capacity(columns * rows);
    for shares_down in &down {
        for shares_across in &across {
            let (mut sum, mut area) = (0.0, 0.0);
            for &(y, h) in shares_down {
                for &(x, w) in shares_across {
                    sum += pixels[y * width + x] * w * h;
                    area += w * h;
                }
            }
            scaled.push((sum / area).clamp(0.0, 1.0));
        }
    }
    (columns, rows, scaled)
}

/// Which of `from` cells the cell `index` of `to` covers, and how much of each.
fn covered(index: usize, to: usize, from: usize) -> Vec<(usize, f64)> {
    let edge = |index: usize| index as f64 * from as f64 / to as f64;
    let (start, end) = (edge(index), edge(index + 1));
    let share = |cell: usize| (cell, (end.min((cell + 1) as f64) - start.max(cell as f64)).max(0.0));
    let last = (end.ceil() as usize).min(from);
    (start as usize..last).map(share).filter(|(_, share)| *share > 0.0).collect()
}
