//! Figures: marks on scales.
//!
//! An exhibit describes its pictures anew for every frame, in its own words ("a line of these numbers, of contender
//! *lion*"); the web side draws them. The description is small and travels as JSON; the numbers of all figures lie in
//! one array, and the description says where.

use serde::Serialize;
use std::borrow::Borrow;

/// A run of numbers in the frame's array.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Channel {
    /// Index of the first number.
    pub from: usize,
    /// How many.
    pub len: usize,
}

/// How numbers become positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Scale {
    /// Proportional.
    Linear,
    /// Logarithmic, base 10. Numbers that are not positive are not drawn.
    Log,
    /// Linear near zero and logarithmic away from it, for numbers of both signs.
    Symlog,
}

/// One axis: what it shows, in which unit, on which scale.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Axis {
    /// What the axis shows.
    pub label: String,
    /// Its unit, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// The scale it opens with.
    pub scale: Scale,
    /// Another scale the visitor may switch to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub or: Option<Scale>,
    /// The range shown; without it, the range of the data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<[f64; 2]>,
    /// Names of the positions 0, 1, 2, …, where the axis counts categories.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<String>,
    /// Whether the axis runs the other way (matrix rows run down).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub reversed: bool,
}

impl Axis {
    fn on(label: impl Into<String>, scale: Scale) -> Self {
        let label = label.into();
        Self { label, unit: None, scale, or: None, domain: None, categories: Vec::new(), reversed: false }
    }

    /// A linear axis.
    pub fn linear(label: impl Into<String>) -> Self {
        Self::on(label, Scale::Linear)
    }

    /// A logarithmic axis.
    pub fn log(label: impl Into<String>) -> Self {
        Self::on(label, Scale::Log)
    }

    /// A symmetric logarithmic axis.
    pub fn symlog(label: impl Into<String>) -> Self {
        Self::on(label, Scale::Symlog)
    }

    /// An axis of named categories at the positions 0, 1, 2, ….
    pub fn categories(label: impl Into<String>, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let names = names.into_iter().map(Into::into).collect();
        Self { categories: names, ..Self::on(label, Scale::Linear) }
    }

    /// With a unit.
    pub fn unit(mut self, unit: impl Into<String>) -> Self {
        self.unit = Some(unit.into());
        self
    }

    /// With a fixed range.
    pub fn domain(mut self, low: f64, high: f64) -> Self {
        self.domain = Some([low, high]);
        self
    }

    /// With another scale that the visitor may switch to.
    pub fn or(mut self, scale: Scale) -> Self {
        self.or = Some(scale);
        self
    }

    /// Running the other way: from top to bottom, or from right to left.
    pub fn reversed(mut self) -> Self {
        self.reversed = true;
        self
    }
}

/// How the numbers of a raster, of contours or of coloured dots become colours.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Colors {
    /// What the colour shows, with its unit.
    pub label: String,
    /// Which palette.
    pub scheme: Scheme,
    /// The scale; a log scale leaves out what is not positive.
    pub scale: Scale,
    /// The range shown; without it, the range of the data (symmetric about zero for [`Scheme::Diverging`]).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<[f64; 2]>,
}

/// A family of colours, each safe for colour-blind readers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// From little to much.
    Sequential,
    /// From negative through zero to positive.
    Diverging,
    /// Once round a circle, for phases.
    Cyclic,
    /// The colours themselves: a number is $65536r+256g+b$ of the bytes of sRGB.
    True,
}

impl Colors {
    fn of(label: impl Into<String>, scheme: Scheme) -> Self {
        Self { label: label.into(), scheme, scale: Scale::Linear, domain: None }
    }

    /// From little to much.
    pub fn sequential(label: impl Into<String>) -> Self {
        Self::of(label, Scheme::Sequential)
    }

    /// From negative through zero to positive.
    pub fn diverging(label: impl Into<String>) -> Self {
        Self::of(label, Scheme::Diverging)
    }

    /// Once round a circle.
    pub fn cyclic(label: impl Into<String>) -> Self {
        Self::of(label, Scheme::Cyclic)
    }

    /// The colours themselves, each number one of [`true_color`].
    pub fn real(label: impl Into<String>) -> Self {
        Self { domain: Some([0.0, 16_777_215.0]), ..Self::of(label, Scheme::True) }
    }

    /// On a logarithmic scale.
    pub fn log(mut self) -> Self {
        self.scale = Scale::Log;
        self
    }

    /// With a fixed range.
    pub fn domain(mut self, low: f64, high: f64) -> Self {
        self.domain = Some([low, high]);
        self
    }
}

/// Red, green and blue, each from 0 to 1, as the one number that [`Colors::real`] shows as this colour.
pub fn true_color(rgb: [f64; 3]) -> f64 {
    rgb.iter().fold(0.0, |packed, part| 256.0 * packed + (part.clamp(0.0, 1.0) * 255.0).round())
}

/// Numbers on a regular grid: `columns` by `rows` values, by rows, the first row at the low end of y. They fill the
/// rectangle `x` by `y`: for a raster each value is a cell, for contours it is the value at that cell's centre.
#[derive(Clone, Copy, Debug)]
pub struct Grid<'a> {
    /// The values, `columns * rows` of them.
    pub values: &'a [f64],
    /// Values in a row.
    pub columns: usize,
    /// The rectangle's left and right end.
    pub x: [f64; 2],
    /// The rectangle's low and high end.
    pub y: [f64; 2],
}

/// A colour that is no contender's.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Ink {
    /// Text and truth.
    Strong,
    /// Guides: bounds, references, things to compare with.
    Muted,
    /// The one accent: what the visitor should look at.
    Accent,
    /// One of a family, from 0 (first) to 1 (last), on the sequential palette.
    Tone(f64),
}

/// The shape of a dot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Symbol {
    /// A filled disc.
    Disc,
    /// An open circle.
    Ring,
    /// Two crossed strokes.
    Cross,
    /// A filled square.
    Square,
}

/// A column of a [`Figure::table`].
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Column {
    /// Numbers, shown to three significant digits.
    Numbers(Channel),
    /// Words.
    Words(Vec<String>),
}

/// The geometry of a mark, and where its numbers lie.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "mark", rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum Geometry {
    Line { x: Channel, y: Channel },
    Dot { x: Channel, y: Channel, value: Option<Channel>, colors: Option<Colors>, symbol: Symbol, radius: f64 },
    Bar { x: Channel, y: Channel },
    Band { x: Channel, low: Channel, high: Channel },
    Rule { x: Option<Channel>, y: Option<Channel> },
    Raster { values: Channel, columns: usize, x: [f64; 2], y: [f64; 2], colors: Colors },
    Contour { values: Channel, columns: usize, x: [f64; 2], y: [f64; 2], levels: Channel, colors: Option<Colors> },
    Arrow { x: Channel, y: Channel, dx: Channel, dy: Channel },
    Link { x1: Channel, y1: Channel, x2: Channel, y2: Channel, weight: Option<Channel> },
    Polygon { x: Channel, y: Channel },
    Text { x: Channel, y: Channel, words: Vec<String> },
    Table { headers: Vec<String>, columns: Vec<Column> },
}

/// A geometry with its looks.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Mark {
    /// What is drawn.
    #[serde(flatten)]
    pub geometry: Geometry,
    /// The contender it belongs to, whose colour it takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of: Option<&'static str>,
    /// Its colour where it is no contender's.
    pub ink: Ink,
    /// Its name in the legend and the read-out; without one, the contender's, or none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Dashed strokes.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub dashed: bool,
    /// Half-transparent: context rather than news.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub faint: bool,
    /// The points control that the visitor moves by dragging these dots; dot `i` is its point `i`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drags: Option<&'static str>,
}

impl Mark {
    /// In the colour, and by the name, of a contender.
    pub fn of(&mut self, contender: &'static str) -> &mut Self {
        self.of = Some(contender);
        self
    }

    /// In another colour.
    pub fn ink(&mut self, ink: Ink) -> &mut Self {
        self.ink = ink;
        self
    }

    /// With a name in the legend.
    pub fn label(&mut self, label: impl Into<String>) -> &mut Self {
        self.label = Some(label.into());
        self
    }

    /// Dashed.
    pub fn dashed(&mut self) -> &mut Self {
        self.dashed = true;
        self
    }

    /// Half-transparent.
    pub fn faint(&mut self) -> &mut Self {
        self.faint = true;
        self
    }

    /// Dots that move the points control `name` (its outside name).
    pub fn drags(&mut self, control: &'static str) -> &mut Self {
        self.drags = Some(control);
        self
    }

    /// The shape of the dots.
    pub fn symbol(&mut self, shape: Symbol) -> &mut Self {
        if let Geometry::Dot { symbol, .. } = &mut self.geometry {
            *symbol = shape;
        }
        self
    }

    /// The radius of the dots, in CSS pixels (3 unless told).
    pub fn radius(&mut self, pixels: f64) -> &mut Self {
        if let Geometry::Dot { radius, .. } = &mut self.geometry {
            *radius = pixels;
        }
        self
    }
}

/// How the two axes relate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Aspect {
    /// Each fills its side.
    #[default]
    Free,
    /// A unit of x is as long as a unit of y.
    Equal,
    /// Barycentric: x and y are the first two of three shares that sum to one, drawn in a triangle.
    Simplex,
}

/// A description of one figure.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Layout {
    /// Its name in links and files.
    pub id: &'static str,
    /// Its heading.
    pub title: String,
    /// What to see in it, in a sentence.
    pub caption: String,
    /// The horizontal axis; a figure without one shows no axes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub x: Option<Axis>,
    /// The vertical axis.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub y: Option<Axis>,
    /// How they relate.
    pub aspect: Aspect,
    /// What is drawn, from back to front.
    pub marks: Vec<Mark>,
}

/// All figures of a frame, as the exhibit describes them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    layouts: Vec<Layout>,
    data: Vec<f64>,
}

impl Figures {
    /// No figures yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins a figure; the first is the one the gallery shows. `caption` says what to see in it.
    pub fn figure(&mut self, id: &'static str, title: impl Into<String>, caption: impl Into<String>) -> Figure<'_> {
        self.layouts.push(Layout {
            id,
            title: title.into(),
            caption: caption.into(),
            x: None,
            y: None,
            aspect: Aspect::Free,
            marks: Vec::new(),
        });
        let layout = self.layouts.len() - 1;
        Figure { figures: self, layout }
    }

    /// The descriptions.
    pub fn layouts(&self) -> &[Layout] {
        &self.layouts
    }

    /// The numbers of all figures.
    pub fn data(&self) -> &[f64] {
        &self.data
    }

    /// The numbers of one channel.
    pub fn channel(&self, channel: Channel) -> &[f64] {
        &self.data[channel.from..channel.from + channel.len]
    }

    /// The first figure alone, with its numbers: what a poster shows.
    pub fn lead(&self) -> Self {
        let layouts: Vec<Layout> = self.layouts.iter().take(1).cloned().collect();
        let end = layouts.iter().flat_map(|l| &l.marks).flat_map(|m| m.geometry.channels());
        let end = end.map(|c| c.from + c.len).max().unwrap_or(0);
        Self { layouts, data: self.data[..end].to_vec() }
    }
}

impl Geometry {
    /// The name of the mark and of each of its channels of numbers.
    pub fn named_channels(&self) -> (&'static str, Vec<(String, Channel)>) {
        let named = |names: &[(&str, Channel)]| names.iter().map(|(n, c)| ((*n).to_owned(), *c)).collect();
        match self {
            Self::Line { x, y } => ("line", named(&[("x", *x), ("y", *y)])),
            Self::Dot { x, y, value, .. } => {
                let mut channels: Vec<_> = named(&[("x", *x), ("y", *y)]);
                channels.extend(value.map(|v| ("value".to_owned(), v)));
                ("dot", channels)
            }
            Self::Bar { x, y } => ("bar", named(&[("x", *x), ("y", *y)])),
            Self::Band { x, low, high } => ("band", named(&[("x", *x), ("low", *low), ("high", *high)])),
            Self::Rule { x, y } => {
                let x = x.map(|c| ("x".to_owned(), c));
                let y = y.map(|c| ("y".to_owned(), c));
                ("rule", x.into_iter().chain(y).collect())
            }
            Self::Raster { values, .. } => ("raster", named(&[("values", *values)])),
            Self::Contour { values, levels, .. } => ("contour", named(&[("values", *values), ("levels", *levels)])),
            Self::Arrow { x, y, dx, dy } => ("arrow", named(&[("x", *x), ("y", *y), ("dx", *dx), ("dy", *dy)])),
            Self::Link { x1, y1, x2, y2, weight } => {
                let mut channels: Vec<_> = named(&[("x1", *x1), ("y1", *y1), ("x2", *x2), ("y2", *y2)]);
                channels.extend(weight.map(|w| ("weight".to_owned(), w)));
                ("link", channels)
            }
            Self::Polygon { x, y } => ("polygon", named(&[("x", *x), ("y", *y)])),
            Self::Text { x, y, .. } => ("text", named(&[("x", *x), ("y", *y)])),
            Self::Table { headers, columns } => {
                let numbers = headers.iter().zip(columns).filter_map(|(header, column)| match column {
                    Column::Numbers(channel) => Some((header.clone(), *channel)),
                    Column::Words(_) => None,
                });
                ("table", numbers.collect())
            }
        }
    }

    /// All channels of numbers.
    pub fn channels(&self) -> impl Iterator<Item = Channel> {
        self.named_channels().1.into_iter().map(|(_, channel)| channel)
    }
}

/// A figure being described. Numbers may come as slices, vectors or iterators; channels of one mark that differ in
/// length are cut to the shortest.
pub struct Figure<'a> {
    figures: &'a mut Figures,
    layout: usize,
}

impl Figure<'_> {
    fn layout(&mut self) -> &mut Layout {
        &mut self.figures.layouts[self.layout]
    }

    fn put(&mut self, numbers: impl IntoIterator<Item = impl Borrow<f64>>) -> Channel {
        let from = self.figures.data.len();
        self.figures.data.extend(numbers.into_iter().map(|number| *number.borrow()));
        Channel { from, len: self.figures.data.len() - from }
    }

    fn mark(&mut self, geometry: Geometry, ink: Ink) -> &mut Mark {
        let marks = &mut self.layout().marks;
        marks.push(Mark { geometry, of: None, ink, label: None, dashed: false, faint: false, drags: None });
        let last = marks.len() - 1;
        &mut marks[last]
    }

    /// The horizontal axis.
    pub fn x(&mut self, axis: Axis) -> &mut Self {
        self.layout().x = Some(axis);
        self
    }

    /// The vertical axis.
    pub fn y(&mut self, axis: Axis) -> &mut Self {
        self.layout().y = Some(axis);
        self
    }

    /// A unit of x as long as a unit of y.
    pub fn equal(&mut self) -> &mut Self {
        self.layout().aspect = Aspect::Equal;
        self
    }

    /// Barycentric coordinates in a triangle.
    pub fn simplex(&mut self) -> &mut Self {
        self.layout().aspect = Aspect::Simplex;
        self
    }

    /// A line through the points.
    pub fn line(
        &mut self,
        x: impl IntoIterator<Item = impl Borrow<f64>>,
        y: impl IntoIterator<Item = impl Borrow<f64>>,
    ) -> &mut Mark {
        let (x, y) = shortest([self.put(x), self.put(y)]).into();
        self.mark(Geometry::Line { x, y }, Ink::Strong)
    }

    /// A dot at each point.
    pub fn dot(
        &mut self,
        x: impl IntoIterator<Item = impl Borrow<f64>>,
        y: impl IntoIterator<Item = impl Borrow<f64>>,
    ) -> &mut Mark {
        let (x, y) = shortest([self.put(x), self.put(y)]).into();
        let (symbol, radius) = (Symbol::Disc, 3.0);
        self.mark(Geometry::Dot { x, y, value: None, colors: None, symbol, radius }, Ink::Strong)
    }

    /// A dot at each point, coloured by a number.
    pub fn colored_dot(
        &mut self,
        x: impl IntoIterator<Item = impl Borrow<f64>>,
        y: impl IntoIterator<Item = impl Borrow<f64>>,
        value: impl IntoIterator<Item = impl Borrow<f64>>,
        colors: Colors,
    ) -> &mut Mark {
        let [x, y, value] = shortest([self.put(x), self.put(y), self.put(value)]);
        let (symbol, radius) = (Symbol::Disc, 3.0);
        self.mark(Geometry::Dot { x, y, value: Some(value), colors: Some(colors), symbol, radius }, Ink::Strong)
    }

    /// Upright bars from zero to `y`, centred at `x`, as wide as the closest two allow.
    pub fn bar(
        &mut self,
        x: impl IntoIterator<Item = impl Borrow<f64>>,
        y: impl IntoIterator<Item = impl Borrow<f64>>,
    ) -> &mut Mark {
        let (x, y) = shortest([self.put(x), self.put(y)]).into();
        self.mark(Geometry::Bar { x, y }, Ink::Strong)
    }

    /// The area between two lines.
    pub fn band(
        &mut self,
        x: impl IntoIterator<Item = impl Borrow<f64>>,
        low: impl IntoIterator<Item = impl Borrow<f64>>,
        high: impl IntoIterator<Item = impl Borrow<f64>>,
    ) -> &mut Mark {
        let [x, low, high] = shortest([self.put(x), self.put(low), self.put(high)]);
        self.mark(Geometry::Band { x, low, high }, Ink::Muted)
    }

    /// Upright rules across the figure.
    pub fn rule_x(&mut self, x: impl IntoIterator<Item = impl Borrow<f64>>) -> &mut Mark {
        let x = Some(self.put(x));
        self.mark(Geometry::Rule { x, y: None }, Ink::Muted)
    }

    /// Level rules across the figure.
    pub fn rule_y(&mut self, y: impl IntoIterator<Item = impl Borrow<f64>>) -> &mut Mark {
        let y = Some(self.put(y));
        self.mark(Geometry::Rule { x: None, y }, Ink::Muted)
    }

    /// Coloured cells.
    pub fn raster(&mut self, grid: Grid<'_>, colors: Colors) -> &mut Mark {
        let values = self.put(grid.values);
        let Grid { columns, x, y, .. } = grid;
        self.mark(Geometry::Raster { values, columns, x, y, colors }, Ink::Strong)
    }

    /// Lines of equal value at `levels`; filled between if `colors` are given.
    pub fn contour(&mut self, grid: Grid<'_>, levels: &[f64], colors: Option<Colors>) -> &mut Mark {
        let (values, levels) = (self.put(grid.values), self.put(levels));
        let Grid { columns, x, y, .. } = grid;
        self.mark(Geometry::Contour { values, columns, x, y, levels, colors }, Ink::Muted)
    }

    /// Arrows from each point by `(dx, dy)`, in the units of the axes.
    pub fn arrow(
        &mut self,
        x: impl IntoIterator<Item = impl Borrow<f64>>,
        y: impl IntoIterator<Item = impl Borrow<f64>>,
        dx: impl IntoIterator<Item = impl Borrow<f64>>,
        dy: impl IntoIterator<Item = impl Borrow<f64>>,
    ) -> &mut Mark {
        let [x, y, dx, dy] = shortest([self.put(x), self.put(y), self.put(dx), self.put(dy)]);
        self.mark(Geometry::Arrow { x, y, dx, dy }, Ink::Strong)
    }

    /// Straight links between pairs of points, each as strong as its weight in 0 to 1 where weights are given.
    pub fn link(&mut self, from: &[[f64; 2]], to: &[[f64; 2]], weight: Option<&[f64]>) -> &mut Mark {
        let x1 = self.put(from.iter().map(|p| p[0]));
        let y1 = self.put(from.iter().map(|p| p[1]));
        let x2 = self.put(to.iter().map(|p| p[0]));
        let y2 = self.put(to.iter().map(|p| p[1]));
        let weight = weight.map(|weight| self.put(weight));
        self.mark(Geometry::Link { x1, y1, x2, y2, weight }, Ink::Strong)
    }

    /// A filled polygon.
    pub fn polygon(
        &mut self,
        x: impl IntoIterator<Item = impl Borrow<f64>>,
        y: impl IntoIterator<Item = impl Borrow<f64>>,
    ) -> &mut Mark {
        let (x, y) = shortest([self.put(x), self.put(y)]).into();
        self.mark(Geometry::Polygon { x, y }, Ink::Muted)
    }

    /// Words at points.
    pub fn text(&mut self, at: &[[f64; 2]], words: impl IntoIterator<Item = impl Into<String>>) -> &mut Mark {
        let x = self.put(at.iter().map(|p| p[0]));
        let y = self.put(at.iter().map(|p| p[1]));
        let words = words.into_iter().map(Into::into).collect();
        self.mark(Geometry::Text { x, y, words }, Ink::Strong)
    }

    /// A table; its columns are added to what this returns.
    pub fn table(&mut self) -> TableColumns<'_> {
        self.mark(Geometry::Table { headers: Vec::new(), columns: Vec::new() }, Ink::Strong);
        let mark = self.layout().marks.len() - 1;
        TableColumns { figures: self.figures, layout: self.layout, mark }
    }
}

/// A table being described.
pub struct TableColumns<'a> {
    figures: &'a mut Figures,
    layout: usize,
    mark: usize,
}

impl TableColumns<'_> {
    fn add(self, header: impl Into<String>, column: Column) -> Self {
        let mark = &mut self.figures.layouts[self.layout].marks[self.mark];
        if let Geometry::Table { headers, columns } = &mut mark.geometry {
            headers.push(header.into());
            columns.push(column);
        }
        self
    }

    /// A column of numbers.
    pub fn numbers(self, header: impl Into<String>, numbers: impl IntoIterator<Item = impl Borrow<f64>>) -> Self {
        let from = self.figures.data.len();
        self.figures.data.extend(numbers.into_iter().map(|number| *number.borrow()));
        let len = self.figures.data.len() - from;
        self.add(header, Column::Numbers(Channel { from, len }))
    }

    /// A column of words.
    pub fn words(self, header: impl Into<String>, words: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let words = words.into_iter().map(Into::into).collect();
        self.add(header, Column::Words(words))
    }
}

fn shortest<const N: usize>(mut channels: [Channel; N]) -> [Channel; N] {
    let len = channels.iter().map(|channel| channel.len).min().unwrap_or(0);
    for channel in &mut channels {
        channel.len = len;
    }
    channels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_find_their_numbers_and_a_poster_holds_the_first_figure_alone() {
        let mut figures = Figures::new();
        let mut path = figures.figure("path", "Path", "");
        path.x(Axis::linear("x")).y(Axis::log("y"));
        path.line([1.0, 2.0, 3.0], [4.0, 5.0]).of("lion");
        figures.figure("rest", "Rest", "").table().numbers("n", [7.0]).words("w", ["seven"]);

        let Geometry::Line { x, y } = figures.layouts()[0].marks[0].geometry else { panic!("a line was drawn") };
        assert_eq!(figures.channel(x), [1.0, 2.0]);
        assert_eq!(figures.channel(y), [4.0, 5.0]);
        let lead = figures.lead();
        assert_eq!(lead.layouts().len(), 1);
        assert_eq!(lead.channel(y), [4.0, 5.0]);
        assert_eq!(lead.data().len(), 5);
    }
}
