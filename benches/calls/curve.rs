//! The growth curve: what a call costs, by how many agents are registered.

use std::fmt::Write;

use super::machine::Machine;
use super::rows::{Point, Spread, count};

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 400.0;
/// Where the axes lie: left, right, top, bottom.
const PLOT: [f64; 4] = [64.0, 560.0, 56.0, 340.0];

/// A curve: its name, its colour on light and on dark ground, what it shows of a point.
type Curve = (
    &'static str,
    &'static str,
    &'static str,
    fn(&Point) -> Spread,
);

const CURVES: [Curve; 3] = [
    ("progress", "#0b6e4f", "#5fd3a5", |point| point.progress),
    ("register", "#1f5fbf", "#7fb2ff", |point| point.register),
    ("progress -s completed", "#a4460a", "#ffab70", |point| {
        point.complete
    }),
];

/// The drawing, readable on light and on dark ground.
pub fn draw(points: &[Point], machine: &Machine) -> String {
    let scale = Scale::of(points);
    let mut svg = head(machine);
    axes(&mut svg, points, &scale);
    for (nth, curve) in CURVES.iter().enumerate() {
        line(&mut svg, nth, curve, points, &scale);
    }
    names(&mut svg, points, &scale);
    svg + "</svg>\n"
}

/// From agents and milliseconds to places in the drawing.
struct Scale {
    decades: (f64, f64),
    top: f64,
    step: f64,
}

impl Scale {
    fn of(points: &[Point]) -> Self {
        let highest = points
            .iter()
            .flat_map(|point| CURVES.iter().map(move |(.., of)| of(point).p90))
            .fold(0.0, f64::max);
        let step = [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0]
            .into_iter()
            .find(|step| highest / step <= 6.0)
            .unwrap_or(highest / 5.0);
        let decade =
            |point: Option<&Point>| point.map_or(1.0, |point| (point.agents as f64).log10());
        Self {
            decades: (decade(points.first()), decade(points.last())),
            top: (highest / step).ceil() * step,
            step,
        }
    }

    fn x(&self, agents: u64) -> f64 {
        let (first, last) = self.decades;
        let share = ((agents as f64).log10() - first) / (last - first).max(f64::EPSILON);
        PLOT[0] + share * (PLOT[1] - PLOT[0])
    }

    fn y(&self, ms: f64) -> f64 {
        PLOT[3] - ms / self.top * (PLOT[3] - PLOT[2])
    }
}

fn head(machine: &Machine) -> String {
    let mut light = String::new();
    let mut dark = String::new();
    for (nth, (_, on_light, on_dark, _)) in CURVES.iter().enumerate() {
        for (style, color) in [(&mut light, on_light), (&mut dark, on_dark)] {
            let _ = write!(style, ".c{nth}{{stroke:{color}}}.n{nth}{{fill:{color}}}");
        }
    }
    format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img" aria-label="What a call costs, by the number of registered agents">
<style>
.ground{{fill:#fff}}text{{fill:#222;font:13px system-ui,sans-serif}}.small{{font-size:11px;fill:#666}}
.grid{{stroke:#e2e2e2}}.axis{{stroke:#888}}polyline{{fill:none;stroke-width:2}}.spread{{stroke-width:1;opacity:.45}}
{light}
@media(prefers-color-scheme:dark){{
.ground{{fill:#0d1117}}text{{fill:#e6e6e6}}.small{{fill:#9aa4b0}}.grid{{stroke:#262c36}}.axis{{stroke:#6e7681}}
{dark}
}}
</style>
<rect class="ground" width="{WIDTH}" height="{HEIGHT}"/>
<text x="{left}" y="24">One call, a whole process, durable: milliseconds by agents active (median, p10 to p90)</text>
<text class="small" x="{left}" y="42">{machine}</text>
"#,
        left = PLOT[0],
        machine = escape(&machine.to_string()),
    )
}

fn axes(svg: &mut String, points: &[Point], scale: &Scale) {
    let [left, right, top, bottom] = PLOT;
    let mut ms = 0.0;
    while ms <= scale.top + scale.step / 2.0 {
        let y = scale.y(ms);
        let _ = writeln!(
            svg,
            r#"<line class="grid" x1="{left}" x2="{right}" y1="{y:.1}" y2="{y:.1}"/><text x="{x}" y="{below:.1}" text-anchor="end">{text}</text>"#,
            x = left - 8.0,
            below = y + 4.0,
            text = (ms * 10.0).round() / 10.0,
        );
        ms += scale.step;
    }
    for point in points {
        let _ = writeln!(
            svg,
            r#"<text x="{:.1}" y="{}" text-anchor="middle">{}</text>"#,
            scale.x(point.agents),
            bottom + 20.0,
            count(point.agents),
        );
    }
    let _ = writeln!(
        svg,
        r#"<path class="axis" fill="none" d="M{left} {top}V{bottom}H{right}"/>
<text class="small" x="{left}" y="{}">agents active, each step ten times as many</text>"#,
        bottom + 42.0,
    );
}

fn line(svg: &mut String, nth: usize, curve: &Curve, points: &[Point], scale: &Scale) {
    let (.., of) = curve;
    let places: Vec<String> = points
        .iter()
        .map(|point| {
            format!(
                "{:.1},{:.1}",
                scale.x(point.agents),
                scale.y(of(point).median)
            )
        })
        .collect();
    let _ = writeln!(
        svg,
        r#"<polyline class="c{nth}" points="{}"/>"#,
        places.join(" ")
    );
    for point in points {
        // Side by side, or one would hide the other.
        let x = scale.x(point.agents) + (nth as f64 - 1.0) * 3.0;
        let spread = of(point);
        let _ = writeln!(
            svg,
            r#"<line class="c{nth} spread" x1="{x:.1}" x2="{x:.1}" y1="{:.1}" y2="{:.1}"/><circle class="n{nth}" cx="{:.1}" cy="{:.1}" r="3"/>"#,
            scale.y(spread.p10),
            scale.y(spread.p90),
            scale.x(point.agents),
            scale.y(spread.median),
        );
    }
}

/// Each curve's name at its end, moved apart where curves end together.
fn names(svg: &mut String, points: &[Point], scale: &Scale) {
    const APART: f64 = 16.0;
    let Some(last) = points.last() else { return };
    let mut ends: Vec<(f64, usize, &str)> = CURVES
        .iter()
        .enumerate()
        .map(|(nth, (name, .., of))| (scale.y(of(last).median) + 4.0, nth, *name))
        .collect();
    ends.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut below = f64::INFINITY;
    for (y, nth, name) in ends {
        let y = y.min(below - APART);
        below = y;
        let _ = writeln!(
            svg,
            r#"<text class="n{nth}" x="{}" y="{y:.1}">{name}</text>"#,
            PLOT[1] + 10.0
        );
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
