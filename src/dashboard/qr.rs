//! QR codes as SVG, drawn here: no picture service learns what they hold. Pure.

use qrcodegen::{QrCode, QrCodeEcc};

use crate::error::{Error, Result};

/// Light modules around the code, without which scanners do not find it.
const QUIET: i32 = 4;

/// The code of `text` as an `<svg>` element, to be put into a page unescaped:
/// nothing of `text` is in it as text. Dark on light in both themes, because
/// scanners expect that. `label` is what a screen reader says.
///
/// # Errors
/// `Internal` for more than about 2,000 bytes.
pub fn svg(text: &str, label: &'static str) -> Result<String> {
    let code = QrCode::encode_text(text, QrCodeEcc::Medium)
        .map_err(|cause| Error::internal("drawing a QR code", cause.to_string()))?;
    let side = code.size() + 2 * QUIET;
    let path = path(&code);
    Ok(format!(
        "<svg class=\"qr\" xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" \
         width=\"200\" height=\"200\" role=\"img\" aria-label=\"{label}\" \
         shape-rendering=\"crispEdges\"><rect width=\"{side}\" height=\"{side}\" fill=\"#fff\"/>\
         <path d=\"{path}\" fill=\"#000\"/></svg>"
    ))
}

/// One rectangle for each run of dark modules in a row.
fn path(code: &QrCode) -> String {
    let mut path = String::new();
    for y in 0..code.size() {
        let mut x = 0;
        while x < code.size() {
            let run = (x..code.size()).take_while(|x| code.get_module(*x, y)).count();
            if run > 0 {
                path.push_str(&format!("M{} {}h{run}v1h-{run}z", x + QUIET, y + QUIET));
            }
            x += i32::try_from(run).unwrap_or(0) + 1;
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_drawing_has_every_dark_module_and_no_other() {
        let text = "https://ci.example.org/install?key=<script>";
        let svg = svg(text, "QR code").unwrap();
        assert!(!svg.contains("script"), "{svg}");
        let code = QrCode::encode_text(text, QrCodeEcc::Medium).unwrap();
        let mut drawn = BTreeSet::new();
        for run in svg.split("d=\"M").nth(1).unwrap().split('"').next().unwrap().split("zM") {
            let (corner, rest) = run.split_once('h').unwrap();
            let (x, y) = corner.split_once(' ').unwrap();
            let (x, y): (i32, i32) = (x.parse().unwrap(), y.parse().unwrap());
            let length: i32 = rest.split('v').next().unwrap().parse().unwrap();
            drawn.extend((x..x + length).map(|x| (x - QUIET, y - QUIET)));
        }
        let side = 0..code.size();
        let dark: BTreeSet<_> = side
            .clone()
            .flat_map(|y| side.clone().map(move |x| (x, y)))
            .filter(|(x, y)| code.get_module(*x, *y))
            .collect();
        assert_eq!(drawn, dark);
    }

    #[test]
    fn too_much_is_refused() {
        assert!(svg(&"x".repeat(5_000), "QR code").is_err());
    }
}
