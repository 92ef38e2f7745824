//! The status badge (STA-2) as SVG: two fields, drawn here, without fonts or
//! pictures from elsewhere. It says how the newest build of a branch stands,
//! and nothing else about the app (STA-3).

use crate::model::build::BuildStatus;

/// What a badge shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Badge {
    Build(BuildStatus),
    /// No such app, or no build yet.
    Unknown,
}

/// The left field.
const LABEL: &str = "build";
const LABEL_WIDTH: u32 = 42;

impl Badge {
    /// The state's own word (api.md 2.1).
    pub fn word(self) -> &'static str {
        match self {
            Self::Build(status) => status.as_str(),
            Self::Unknown => "unknown",
        }
    }

    /// Colours that white text can be read on: contrast of at least 4.5 to 1.
    fn colour(self) -> &'static str {
        match self {
            Self::Build(BuildStatus::Success) => "#1a7f37",
            Self::Build(BuildStatus::Failed) => "#c62828",
            Self::Build(BuildStatus::Running) => "#0a66c2",
            Self::Build(BuildStatus::Queued) => "#8a5a00",
            Self::Build(BuildStatus::Cancelled) => "#5c6470",
            Self::Unknown => "#6b7280",
        }
    }

    /// Width of the right field: the words are few, so each was measured once.
    /// `textLength` makes every font keep to it.
    fn width(self) -> u32 {
        20 + 6 * u32::try_from(self.word().len()).unwrap_or(0)
    }

    pub fn to_svg(self) -> String {
        let (word, colour, width) = (self.word(), self.colour(), self.width());
        let total = LABEL_WIDTH + width;
        let (label_x, word_x) = (LABEL_WIDTH / 2, LABEL_WIDTH + width / 2);
        let (label_length, word_length) = (LABEL_WIDTH - 14, width - 14);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{total}\" height=\"20\" role=\"img\" \
             aria-label=\"{LABEL}: {word}\"><title>{LABEL}: {word}</title>\
             <clipPath id=\"r\"><rect width=\"{total}\" height=\"20\" rx=\"4\"/></clipPath>\
             <g clip-path=\"url(#r)\"><rect width=\"{LABEL_WIDTH}\" height=\"20\" fill=\"#24292f\"/>\
             <rect x=\"{LABEL_WIDTH}\" width=\"{width}\" height=\"20\" fill=\"{colour}\"/></g>\
             <g fill=\"#fff\" text-anchor=\"middle\" font-family=\"Verdana,DejaVu Sans,sans-serif\" \
             font-size=\"11\"><text x=\"{label_x}\" y=\"14\" textLength=\"{label_length}\">{LABEL}</text>\
             <text x=\"{word_x}\" y=\"14\" textLength=\"{word_length}\">{word}</text></g></svg>\n"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance (WCAG 2.2).
    fn luminance(colour: &str) -> f64 {
        let channel = |at: usize| {
            let value = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
    }

    #[test]
    fn every_state_has_its_word_and_can_be_read() {
        let mut badges: Vec<Badge> =
            BuildStatus::ALL.iter().map(|status| Badge::Build(*status)).collect();
        badges.push(Badge::Unknown);
        for badge in badges {
            let svg = badge.to_svg();
            assert!(svg.contains(&format!("<title>build: {}</title>", badge.word())), "{svg}");
            let contrast = 1.05 / (luminance(badge.colour()) + 0.05);
            assert!(contrast >= 4.5, "{badge:?}: {contrast}");
        }
    }
}
