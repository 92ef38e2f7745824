//! Finds the icon of a package, and gives browsers a PNG they understand:
//! Xcode stores PNGs in a form of its own ("CgBI"), which is converted.

use std::io::{Read, Seek};

use miniz_oxide::deflate::compress_to_vec_zlib;
use miniz_oxide::inflate::decompress_to_vec_with_limit;

use super::PackageLimits;
use super::archive::Archive;

const WHAT: &str = "the icon";
const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";
/// Files that are looked at for one icon.
const MAX_CANDIDATES: usize = 16;
/// `density` of a drawing for any density (`ResTable_config::DENSITY_ANY`).
const ANY_DENSITY: u32 = 0xfffe;
const BYTES_PER_PIXEL: usize = 4;

/// The densest picture among files of an Android package.
pub(super) fn densest<R: Read + Seek>(
    archive: &mut Archive<R>,
    mut files: Vec<(u32, String)>,
) -> Option<Vec<u8>> {
    files.retain(|(density, path)| *density < ANY_DENSITY && !path.ends_with(".xml"));
    files.sort_by(|a, b| b.cmp(a));
    let limits = archive.limits;
    files.into_iter().take(MAX_CANDIDATES).find_map(|(_, path)| {
        let bytes = archive.read_up_to(&path, WHAT, limits.max_icon_bytes).ok()?;
        let is_webp = bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP");
        (is_webp || side(&bytes, &limits).is_some()).then_some(bytes)
    })
}

/// The largest picture in an iOS app's folder whose name begins with one of
/// `names`.
pub(super) fn of_ios<R: Read + Seek>(
    archive: &mut Archive<R>,
    folder: &str,
    names: &[String],
) -> Option<Vec<u8>> {
    let paths: Vec<String> = archive
        .paths()
        .filter(|path| {
            let name = path.strip_prefix(folder).and_then(|name| name.strip_suffix(".png"));
            name.is_some_and(|file| names.iter().any(|name| file.starts_with(name.as_str())))
        })
        .take(MAX_CANDIDATES)
        .map(str::to_owned)
        .collect();
    let limits = archive.limits;
    let mut best: Option<(u32, Vec<u8>)> = None;
    for path in paths {
        let Ok(bytes) = archive.read_up_to(&path, WHAT, limits.max_icon_bytes) else { continue };
        let Some(side) = side(&bytes, &limits) else { continue };
        if best.as_ref().is_none_or(|(known, _)| *known < side) {
            best = Some((side, bytes));
        }
    }
    let (_, bytes) = best?;
    let icon = if is_cgbi(&bytes) { from_cgbi(&bytes)? } else { bytes };
    (icon.len() <= limits.max_icon_bytes).then_some(icon)
}

/// Kind and content of the chunks of a PNG, as far as they are whole.
fn chunks(png: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = png.strip_prefix(SIGNATURE).unwrap_or_default();
    std::iter::from_fn(move || {
        let (len, after) = rest.split_first_chunk::<4>()?;
        let (kind, after) = after.split_at_checked(4)?;
        let (data, after) = after.split_at_checked(u32::from_be_bytes(*len) as usize)?;
        // The checksum.
        rest = after.get(4..)?;
        Some((kind, data))
    })
}

fn header(png: &[u8]) -> Option<&[u8; 13]> {
    let (_, data) = chunks(png).find(|(kind, _)| *kind == b"IHDR")?;
    data.first_chunk()
}

fn number(bytes: &[u8]) -> u32 {
    bytes.iter().take(4).fold(0, |number, byte| number << 8 | u32::from(*byte))
}

/// Width of a PNG within the limits.
fn side(png: &[u8], limits: &PackageLimits) -> Option<u32> {
    let header = header(png)?;
    let (width, height) = (number(&header[..4]), number(&header[4..8]));
    let fits = |side| (1..=limits.max_icon_side).contains(&side);
    (fits(width) && fits(height)).then_some(width)
}

fn is_cgbi(png: &[u8]) -> bool {
    chunks(png).next().is_some_and(|(kind, _)| kind == b"CgBI")
}

/// Xcode's PNG as the standard has it: its pixels are deflated without a zlib
/// header, in the order blue, green, red, alpha, and multiplied by alpha.
/// `None` for what Xcode does not write: other than 8-bit RGBA, or interlaced.
fn from_cgbi(png: &[u8]) -> Option<Vec<u8>> {
    let header = header(png)?;
    let [.., 8, 6, 0, 0, 0] = header else { return None };
    let (width, height) = (number(&header[..4]) as usize, number(&header[4..8]) as usize);
    let line = width.checked_mul(BYTES_PER_PIXEL)?;
    let size = line.checked_add(1)?.checked_mul(height)?;
    let packed: Vec<u8> = chunks(png)
        .filter(|(kind, _)| *kind == b"IDAT")
        .flat_map(|(_, data)| data)
        .copied()
        .collect();
    let mut pixels = decompress_to_vec_with_limit(&packed, size).ok()?;
    if pixels.len() != size {
        return None;
    }
    unfilter(&mut pixels, line)?;
    for row in pixels.chunks_exact_mut(line + 1) {
        let (pixels, _) = row[1..].as_chunks_mut::<BYTES_PER_PIXEL>();
        for pixel in pixels {
            let [blue, green, red, alpha] = *pixel;
            *pixel = [divided(red, alpha), divided(green, alpha), divided(blue, alpha), alpha];
        }
    }
    let mut out = SIGNATURE.to_vec();
    push_chunk(&mut out, *b"IHDR", header);
    push_chunk(&mut out, *b"IDAT", &compress_to_vec_zlib(&pixels, 6));
    push_chunk(&mut out, *b"IEND", &[]);
    Some(out)
}

fn divided(colour: u8, alpha: u8) -> u8 {
    if alpha == 0 {
        return 0;
    }
    let (colour, alpha) = (u32::from(colour), u32::from(alpha));
    u8::try_from((colour * 255 + alpha / 2) / alpha).unwrap_or(u8::MAX)
}

/// Undoes the line filters of PNG (section 9.2 of the standard); afterwards
/// every line says that it has none.
fn unfilter(pixels: &mut [u8], line: usize) -> Option<()> {
    let mut above = vec![0; line];
    for row in pixels.chunks_exact_mut(line + 1) {
        let (filter, row) = row.split_first_mut()?;
        for at in 0..line {
            let before =
                |from: &[u8]| if at < BYTES_PER_PIXEL { 0 } else { from[at - BYTES_PER_PIXEL] };
            let (left, up, corner) = (before(row), above[at], before(&above));
            let predicted = match *filter {
                0 => 0,
                1 => left,
                2 => up,
                3 => u8::midpoint(left, up),
                4 => paeth(left, up, corner),
                _ => return None,
            };
            row[at] = row[at].wrapping_add(predicted);
        }
        *filter = 0;
        above.copy_from_slice(row);
    }
    Some(())
}

fn paeth(left: u8, up: u8, corner: u8) -> u8 {
    let estimate = i16::from(left) + i16::from(up) - i16::from(corner);
    let distance = |byte: u8| (estimate - i16::from(byte)).abs();
    if distance(left) <= distance(up) && distance(left) <= distance(corner) {
        left
    } else if distance(up) <= distance(corner) {
        up
    } else {
        corner
    }
}

fn push_chunk(out: &mut Vec<u8>, kind: [u8; 4], data: &[u8]) {
    // Longer data than a chunk can say was refused with the picture's sides.
    let len = u32::try_from(data.len()).unwrap_or(u32::MAX);
    out.extend(len.to_be_bytes());
    let checked = out.len();
    out.extend(kind);
    out.extend(data);
    let sum = rawzip::crc32(&out[checked..]);
    out.extend(sum.to_be_bytes());
}

#[cfg(test)]
mod tests;
