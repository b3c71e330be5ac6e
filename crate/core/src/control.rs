//! What the visitor sets.
//!
//! A struct with `#[derive(Controls)]` lists an exhibit's controls. Each field's type says what kind of input it is;
//! its documentation is the help text; `#[control(...)]` gives the rest:
//!
//! ```
//! use orrery_core::prelude::*;
//!
//! #[derive(Clone, Copy, Debug, PartialEq, Choice)]
//! pub enum Rule {
//!     #[choice("Lion")]
//!     Lion,
//!     #[choice("AdamW")]
//!     AdamW,
//! }
//!
//! #[derive(Clone, Debug, Controls)]
//! pub struct Settings {
//!     /// How far one step goes.
//!     #[control(label = "step ε", range = 1e-4..=0.3, log, default = 1e-3)]
//!     pub step: f64,
//!     /// Who takes it.
//!     #[control(label = "rule", default = Rule::Lion)]
//!     pub rule: Rule,
//!     /// Where it starts. Drag it.
//!     #[control(label = "start", count = 1..=1, domain = [[-4.0, 4.0], [-4.0, 4.0]], default = [[-3.0, 3.0]].into())]
//!     pub start: Points,
//! }
//! ```
//!
//! The keys `label`, `default`, `unit = "…"`, `live` and `when = ("control", "value")` or
//! `when = ("control", ["one value", "another"])` are every control's; the others
//! belong to the kind and are methods of its spec type below ([`Number`], [`Integer`], …).
//!
//! Outside Rust a control goes by its field's name with hyphens (`warm_up` is `warm-up`) and its value is JSON.

use crate::error::{Error, Result};
use serde::Serialize;
use serde_json::{Map, Value as Json, json};
use std::marker::PhantomData;
use std::ops::RangeInclusive;

pub use orrery_derive::{Choice, Controls};

/// Settings by outside name, as JSON.
pub type Settings = Map<String, Json>;

/// A struct of controls; derive it.
pub trait Controls: Clone + Default + 'static {
    /// The schema, in the order of the fields, without defaults.
    fn specs() -> Vec<Spec>;

    /// The values, in the same order.
    fn values(&self) -> Vec<Json>;

    /// Sets the control at `index` of that order.
    ///
    /// # Errors
    /// A sentence that says what the control takes.
    fn assign(&mut self, index: usize, value: &Json) -> Result<(), String>;
}

/// Reads settings; what they leave out is at its default.
///
/// # Errors
/// An unknown control, or a value that its control does not take.
pub fn read<C: Controls>(settings: &Settings) -> Result<C> {
    let specs = C::specs();
    let mut controls = C::default();
    for (name, value) in settings {
        let Some(index) = specs.iter().position(|spec| spec.name == *name) else {
            let known: Vec<_> = specs.iter().map(|spec| spec.name.as_str()).collect();
            return Err(Error::of(name, format!("there is no such control; there are {}", known.join(", "))));
        };
        controls.assign(index, value).map_err(|message| Error::of(name, message))?;
    }
    Ok(controls)
}

/// What `controls` change of the defaults.
pub fn write_changed<C: Controls>(controls: &C) -> Settings {
    let values = C::default().values().into_iter().zip(controls.values());
    let named = C::specs().into_iter().zip(values);
    named.filter(|(_, (default, value))| default != value).map(|(spec, (_, value))| (spec.name, value)).collect()
}

/// The schema with the defaults filled in.
pub fn specs_with_defaults<C: Controls>() -> Vec<Spec> {
    let fill = |(spec, default)| Spec { default, ..spec };
    C::specs().into_iter().zip(C::default().values()).map(fill).collect()
}

/// One control, as the page needs to know it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Spec {
    /// Its outside name.
    pub name: String,
    /// Its name on the page.
    pub label: &'static str,
    /// What it does, in a sentence or two.
    pub help: String,
    /// The unit of its numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<&'static str>,
    /// Changes how the run is shown or judged, and never the run.
    pub live: bool,
    /// Shown only while another control (a choice or toggle) has one of these values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<(&'static str, &'static [&'static str])>,
    /// Its kind, with what belongs to the kind.
    #[serde(flatten)]
    pub kind: Kind,
    /// Its value where none is set.
    pub default: Json,
}

/// The kinds of control.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum Kind {
    Number(Number),
    Integer(Integer),
    Toggle(Toggle),
    Choice(Options),
    Set(Options),
    Points(PointsSpec),
    Curve(CurveSpec),
    Formula(FormulaSpec),
    Image(ImageSpec),
    Text(TextSpec),
    Table(TableSpec),
}

/// A type that can be a control.
pub trait Control: Clone {
    /// What `#[control(...)]` may say of it; its methods are the keys.
    type Spec: Default;

    /// The kind it is shown as.
    fn kind(spec: Self::Spec) -> Kind;

    /// Its value outside.
    fn to_json(&self) -> Json;

    /// Reads a value.
    ///
    /// # Errors
    /// A sentence that says what the control takes.
    fn from_json(value: &Json, spec: &Self::Spec) -> Result<Self, String>;
}

/// Spec of an `f64`: a number on a slider.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[allow(missing_docs)]
pub struct Number {
    pub min: f64,
    pub max: f64,
    pub log: bool,
    /// The grid of the slider; without one, it is as fine as the eye.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<f64>,
}

impl Default for Number {
    fn default() -> Self {
        Self { min: 0.0, max: 1.0, log: false, step: None }
    }
}

impl Number {
    /// The ends of the slider.
    pub fn range(self, range: RangeInclusive<f64>) -> Self {
        Self { min: *range.start(), max: *range.end(), ..self }
    }

    /// On a logarithmic scale.
    pub fn log(self) -> Self {
        Self { log: true, ..self }
    }

    /// On a grid.
    pub fn step(self, step: f64) -> Self {
        Self { step: Some(step), ..self }
    }
}

impl Control for f64 {
    type Spec = Number;

    fn kind(spec: Number) -> Kind {
        Kind::Number(spec)
    }

    fn to_json(&self) -> Json {
        json!(self)
    }

    fn from_json(value: &Json, spec: &Number) -> Result<Self, String> {
        let expected = || format!("takes a number from {} to {}", spec.min, spec.max);
        let number = value.as_f64().ok_or_else(|| format!("{}, not {value}", expected()))?;
        let fits = number >= spec.min && number <= spec.max;
        if fits { Ok(number) } else { Err(format!("{}, and {number} is outside", expected())) }
    }
}

/// Spec of a `usize`: a whole number on a slider.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[allow(missing_docs)]
pub struct Integer {
    pub min: usize,
    pub max: usize,
    pub log: bool,
}

impl Default for Integer {
    fn default() -> Self {
        Self { min: 0, max: 100, log: false }
    }
}

impl Integer {
    /// The ends of the slider.
    pub fn range(self, range: RangeInclusive<usize>) -> Self {
        Self { min: *range.start(), max: *range.end(), ..self }
    }

    /// On a logarithmic scale.
    pub fn log(self) -> Self {
        Self { log: true, ..self }
    }
}

impl Control for usize {
    type Spec = Integer;

    fn kind(spec: Integer) -> Kind {
        Kind::Integer(spec)
    }

    fn to_json(&self) -> Json {
        json!(self)
    }

    fn from_json(value: &Json, spec: &Integer) -> Result<Self, String> {
        let expected = || format!("takes a whole number from {} to {}", spec.min, spec.max);
        // The browser's numbers are all floating-point: 7.0 is 7.
        let whole = value.as_f64().filter(|number| number.fract() == 0.0);
        let number = whole.ok_or_else(|| format!("{}, not {value}", expected()))?;
        let fits = number >= spec.min as f64 && number <= spec.max as f64;
        if fits { Ok(number as usize) } else { Err(format!("{}, and {number} is outside", expected())) }
    }
}

/// Spec of a `bool`: a toggle.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Toggle {}

impl Control for bool {
    type Spec = Toggle;

    fn kind(spec: Toggle) -> Kind {
        Kind::Toggle(spec)
    }

    fn to_json(&self) -> Json {
        json!(self)
    }

    fn from_json(value: &Json, _: &Toggle) -> Result<Self, String> {
        value.as_bool().ok_or_else(|| format!("takes true or false, not {value}"))
    }
}

/// An enum whose variants the visitor chooses from; derive it, with a `#[choice("label")]` on each variant. Outside, a
/// variant goes by its name in lower case with hyphens.
pub trait Choice: Copy + PartialEq + 'static {
    /// Every variant with its outside name and its label.
    const OPTIONS: &'static [(Self, &'static str, &'static str)];

    /// The outside name.
    fn name(self) -> &'static str {
        Self::OPTIONS.iter().find(|option| option.0 == self).map_or("", |option| option.1)
    }

    /// The label.
    fn label(self) -> &'static str {
        Self::OPTIONS.iter().find(|option| option.0 == self).map_or("", |option| option.2)
    }

    /// The variant of an outside name.
    fn by_name(name: &str) -> Option<Self> {
        Self::OPTIONS.iter().find(|option| option.1 == name).map(|option| option.0)
    }
}

/// What there is to choose from, by outside name and label.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[allow(missing_docs)]
pub struct Options {
    pub options: Vec<(&'static str, &'static str)>,
}

/// Spec of a [`Choice`] or of a [`Set`] of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChoiceSpec {}

fn options<T: Choice>() -> Options {
    Options { options: T::OPTIONS.iter().map(|(_, name, label)| (*name, *label)).collect() }
}

fn choice<T: Choice>(value: &Json) -> Result<T, String> {
    let names = || T::OPTIONS.iter().map(|option| option.1).collect::<Vec<_>>().join(", ");
    value.as_str().and_then(T::by_name).ok_or_else(|| format!("takes one of {}, not {value}", names()))
}

impl<T: Choice> Control for T {
    type Spec = ChoiceSpec;

    fn kind(_: ChoiceSpec) -> Kind {
        Kind::Choice(options::<T>())
    }

    fn to_json(&self) -> Json {
        json!(self.name())
    }

    fn from_json(value: &Json, _: &ChoiceSpec) -> Result<Self, String> {
        choice(value)
    }
}

/// Some of the variants of a [`Choice`].
#[derive(Clone, Debug, PartialEq)]
pub struct Set<T> {
    chosen: Vec<bool>,
    of: PhantomData<T>,
}

impl<T: Choice> Set<T> {
    /// The variants for which `keep` says yes.
    pub fn filter(keep: impl Fn(T) -> bool) -> Self {
        Self { chosen: T::OPTIONS.iter().map(|option| keep(option.0)).collect(), of: PhantomData }
    }

    /// Every variant.
    pub fn all() -> Self {
        Self::filter(|_| true)
    }

    /// The variants listed.
    pub fn of(listed: &[T]) -> Self {
        Self::filter(|option| listed.contains(&option))
    }

    /// Whether it holds a variant.
    pub fn contains(&self, variant: T) -> bool {
        self.iter().any(|chosen| chosen == variant)
    }

    /// What it holds, in the order of the options.
    pub fn iter(&self) -> impl Iterator<Item = T> + '_ {
        T::OPTIONS.iter().zip(&self.chosen).filter(|(_, chosen)| **chosen).map(|(option, _)| option.0)
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.chosen.iter().all(|chosen| !chosen)
    }
}

impl<T: Choice> Control for Set<T> {
    type Spec = ChoiceSpec;

    fn kind(_: ChoiceSpec) -> Kind {
        Kind::Set(options::<T>())
    }

    fn to_json(&self) -> Json {
        self.iter().map(Choice::name).collect()
    }

    fn from_json(value: &Json, _: &ChoiceSpec) -> Result<Self, String> {
        let list = value.as_array().ok_or_else(|| format!("takes a list of names, not {value}"))?;
        let listed: Vec<T> = list.iter().map(choice).collect::<Result<_, _>>()?;
        Ok(Self::of(&listed))
    }
}

/// Points in the plane. Drawn, dragged, or uploaded as two columns.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Points(pub Vec<[f64; 2]>);

impl<const N: usize> From<[[f64; 2]; N]> for Points {
    fn from(points: [[f64; 2]; N]) -> Self {
        Self(points.to_vec())
    }
}

/// Spec of [`Points`].
#[derive(Clone, Debug, PartialEq, Serialize)]
#[allow(missing_docs)]
pub struct PointsSpec {
    pub min: usize,
    pub max: usize,
    /// The rectangle they lie in: the range of x, then of y.
    pub domain: [[f64; 2]; 2],
}

impl Default for PointsSpec {
    fn default() -> Self {
        Self { min: 0, max: 1000, domain: [[0.0, 1.0], [0.0, 1.0]] }
    }
}

impl PointsSpec {
    /// How many points there may be.
    pub fn count(self, range: RangeInclusive<usize>) -> Self {
        Self { min: *range.start(), max: *range.end(), ..self }
    }

    /// The rectangle they lie in.
    pub fn domain(self, domain: [[f64; 2]; 2]) -> Self {
        Self { domain, ..self }
    }
}

impl Control for Points {
    type Spec = PointsSpec;

    fn kind(spec: PointsSpec) -> Kind {
        Kind::Points(spec)
    }

    fn to_json(&self) -> Json {
        json!(self.0)
    }

    fn from_json(value: &Json, spec: &PointsSpec) -> Result<Self, String> {
        let list = value.as_array().ok_or("takes a list of points")?;
        if list.len() < spec.min || list.len() > spec.max {
            return Err(format!("takes {} to {} points, not {}", spec.min, spec.max, list.len()));
        }
        let [[left, right], [low, high]] = spec.domain;
        let point = |(index, value): (usize, &Json)| {
            let pair = value.as_array().filter(|pair| pair.len() == 2);
            let numbers = pair.and_then(|pair| Some([pair[0].as_f64()?, pair[1].as_f64()?]));
            let [x, y] = numbers.ok_or_else(|| format!("point {} is not a pair of numbers: {value}", index + 1))?;
            if x < left || x > right || y < low || y > high {
                let box_ = format!("[{left}, {right}] x [{low}, {high}]");
                return Err(format!("point {} = ({x}, {y}) lies outside {box_}", index + 1));
            }
            Ok([x, y])
        };
        list.iter().enumerate().map(point).collect::<Result<_, _>>().map(Self)
    }
}

/// A drawn curve: its values at evenly spaced abscissas.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Curve(pub Vec<f64>);

/// Spec of a [`Curve`].
#[derive(Clone, Debug, PartialEq, Serialize)]
#[allow(missing_docs)]
pub struct CurveSpec {
    pub samples: usize,
    pub domain: [f64; 2],
    pub range: [f64; 2],
}

impl Default for CurveSpec {
    fn default() -> Self {
        Self { samples: 200, domain: [0.0, 1.0], range: [-1.0, 1.0] }
    }
}

impl CurveSpec {
    /// How many values it has.
    pub fn samples(self, samples: usize) -> Self {
        Self { samples, ..self }
    }

    /// The first and the last abscissa.
    pub fn domain(self, domain: RangeInclusive<f64>) -> Self {
        Self { domain: [*domain.start(), *domain.end()], ..self }
    }

    /// The least and the greatest value.
    pub fn range(self, range: RangeInclusive<f64>) -> Self {
        Self { range: [*range.start(), *range.end()], ..self }
    }
}

impl Control for Curve {
    type Spec = CurveSpec;

    fn kind(spec: CurveSpec) -> Kind {
        Kind::Curve(spec)
    }

    fn to_json(&self) -> Json {
        json!(self.0)
    }

    fn from_json(value: &Json, spec: &CurveSpec) -> Result<Self, String> {
        let [low, high] = spec.range;
        let list = value.as_array().filter(|list| list.len() == spec.samples);
        let list = list.ok_or_else(|| format!("takes a list of {} numbers", spec.samples))?;
        let number = |value: &Json| {
            let number = value.as_f64().filter(|number| *number >= low && *number <= high);
            number.ok_or_else(|| format!("takes numbers from {low} to {high}, not {value}"))
        };
        list.iter().map(number).collect::<Result<_, _>>().map(Self)
    }
}

/// A formula as the visitor typed it. Whether it parses shows when the exhibit is begun: the exhibit reports where it
/// does not, with [`Error::at`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Formula(pub String);

impl From<&str> for Formula {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

/// Spec of a [`Formula`].
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[allow(missing_docs)]
pub struct FormulaSpec {
    /// The names it may use.
    pub variables: Vec<&'static str>,
    /// Formulas to pick from.
    pub examples: Vec<(&'static str, &'static str)>,
}

impl FormulaSpec {
    /// The names it may use.
    pub fn variables<const N: usize>(self, variables: [&'static str; N]) -> Self {
        Self { variables: variables.to_vec(), ..self }
    }

    /// Formulas to pick from, each with its name: `[("bowl", "x^2 + y^2")]`.
    pub fn examples<const N: usize>(self, examples: [(&'static str, &'static str); N]) -> Self {
        Self { examples: examples.to_vec(), ..self }
    }
}

/// The longest formula or line of text a link may carry.
const LONGEST_FORMULA: usize = 500;

impl Control for Formula {
    type Spec = FormulaSpec;

    fn kind(spec: FormulaSpec) -> Kind {
        Kind::Formula(spec)
    }

    fn to_json(&self) -> Json {
        json!(self.0)
    }

    fn from_json(value: &Json, _: &FormulaSpec) -> Result<Self, String> {
        let text = value.as_str().ok_or_else(|| format!("takes a formula, not {value}"))?;
        if text.chars().count() > LONGEST_FORMULA {
            return Err(format!("takes at most {LONGEST_FORMULA} characters"));
        }
        Ok(Self(text.to_owned()))
    }
}

/// An image, by rows from the top: the brightness of each pixel from 0 to 1 or, where the control takes colours, its red,
/// green and blue, one after the other, as a screen has them (sRGB).
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs)]
pub struct Image {
    pub width: usize,
    pub height: usize,
    pub pixels: Vec<f64>,
}

/// Spec of an [`Image`]: what is uploaded is scaled to fit.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[allow(missing_docs)]
pub struct ImageSpec {
    pub max_width: usize,
    pub max_height: usize,
    /// Whether it has colours.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub color: bool,
}

impl Default for ImageSpec {
    fn default() -> Self {
        Self { max_width: 64, max_height: 64, color: false }
    }
}

impl ImageSpec {
    /// The largest width and height.
    pub fn size(self, max_width: usize, max_height: usize) -> Self {
        Self { max_width, max_height, ..self }
    }

    /// With colours.
    pub fn color(self) -> Self {
        Self { color: true, ..self }
    }

    /// Numbers of a pixel.
    pub fn channels(&self) -> usize {
        if self.color { 3 } else { 1 }
    }
}

impl Control for Image {
    type Spec = ImageSpec;

    fn kind(spec: ImageSpec) -> Kind {
        Kind::Image(spec)
    }

    fn to_json(&self) -> Json {
        json!({ "width": self.width, "height": self.height, "pixels": self.pixels })
    }

    fn from_json(value: &Json, spec: &ImageSpec) -> Result<Self, String> {
        let expected = || format!("takes an image of at most {} x {} pixels", spec.max_width, spec.max_height);
        let side = |name| value.get(name).and_then(Json::as_f64).map(|side| side as usize);
        let (Some(width), Some(height)) = (side("width"), side("height")) else { return Err(expected()) };
        if width > spec.max_width || height > spec.max_height {
            return Err(expected());
        }
        let numbers = width * height * spec.channels();
        let pixels = value.get("pixels").and_then(Json::as_array).filter(|list| list.len() == numbers);
        let pixels = pixels.ok_or_else(|| format!("such an image of {width} x {height} is {numbers} numbers"))?;
        let pixel = |value: &Json| value.as_f64().filter(|pixel| (0.0..=1.0).contains(pixel));
        let pixels = pixels.iter().map(pixel).collect::<Option<_>>().ok_or("a pixel is a number from 0 to 1")?;
        Ok(Self { width, height, pixels })
    }
}

/// A passage of text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Text(pub String);

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

/// Spec of a [`Text`].
#[derive(Clone, Debug, PartialEq, Serialize)]
#[allow(missing_docs)]
pub struct TextSpec {
    pub max: usize,
}

impl Default for TextSpec {
    fn default() -> Self {
        Self { max: 10_000 }
    }
}

impl TextSpec {
    /// The most characters.
    pub fn longest(self, max: usize) -> Self {
        Self { max }
    }
}

impl Control for Text {
    type Spec = TextSpec;

    fn kind(spec: TextSpec) -> Kind {
        Kind::Text(spec)
    }

    fn to_json(&self) -> Json {
        json!(self.0)
    }

    fn from_json(value: &Json, spec: &TextSpec) -> Result<Self, String> {
        let text = value.as_str().ok_or("takes text")?;
        if text.chars().count() > spec.max {
            return Err(format!("takes at most {} characters", spec.max));
        }
        Ok(Self(text.to_owned()))
    }
}

/// A table of numbers, by rows, with a name for each column.
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs)]
pub struct Table {
    pub columns: Vec<String>,
    pub rows: Vec<Vec<f64>>,
}

/// Spec of a [`Table`].
#[derive(Clone, Debug, PartialEq, Serialize)]
#[allow(missing_docs)]
pub struct TableSpec {
    pub min_columns: usize,
    pub max_columns: usize,
    pub max_rows: usize,
}

impl Default for TableSpec {
    fn default() -> Self {
        Self { min_columns: 0, max_columns: 64, max_rows: 10_000 }
    }
}

impl TableSpec {
    /// How many columns there may be.
    pub fn columns(self, range: RangeInclusive<usize>) -> Self {
        Self { min_columns: *range.start(), max_columns: *range.end(), ..self }
    }

    /// The most rows.
    pub fn rows(self, max_rows: usize) -> Self {
        Self { max_rows, ..self }
    }
}

impl Control for Table {
    type Spec = TableSpec;

    fn kind(spec: TableSpec) -> Kind {
        Kind::Table(spec)
    }

    fn to_json(&self) -> Json {
        json!({ "columns": self.columns, "rows": self.rows })
    }

    fn from_json(value: &Json, spec: &TableSpec) -> Result<Self, String> {
        let columns = value.get("columns").and_then(Json::as_array).ok_or("takes a table with named columns")?;
        let (least, most) = (spec.min_columns, spec.max_columns);
        if columns.len() < least || columns.len() > most {
            return Err(format!("takes {least} to {most} columns, not {}", columns.len()));
        }
        let name = |value: &Json| value.as_str().map(str::to_owned);
        let columns: Vec<String> = columns.iter().map(name).collect::<Option<_>>().ok_or("a column has no name")?;
        let rows = value.get("rows").and_then(Json::as_array).ok_or("takes a table with rows")?;
        if rows.len() > spec.max_rows {
            return Err(format!("takes at most {} rows, not {}", spec.max_rows, rows.len()));
        }
        let row = |(index, row): (usize, &Json)| {
            let cells = row.as_array().filter(|cells| cells.len() == columns.len());
            let cells = cells.and_then(|cells| cells.iter().map(Json::as_f64).collect::<Option<Vec<f64>>>());
            cells.ok_or_else(|| format!("row {} does not have {} numbers", index + 1, columns.len()))
        };
        let rows = rows.iter().enumerate().map(row).collect::<Result<_, _>>()?;
        Ok(Self { columns, rows })
    }
}
