use super::*;

/// A picture of 3 x 5 pixels, one line per filter, as Xcode would store it:
/// deflated without header, BGRA, multiplied by alpha.
fn cgbi() -> (Vec<u8>, Vec<[u8; 4]>) {
    let (width, height) = (3_u32, 5_u32);
    let mut wanted = Vec::new();
    let mut stored = Vec::new();
    for y in 0..height {
        for x in 0..width {
            let alpha = if x == 2 { 128 } else { 255 };
            let colour = |seed: u32| ((seed * 37 + x * 11 + y * 53) % 256) as u8;
            let rgba = [colour(1), colour(2), colour(3), alpha];
            let times = |c: u8| (u32::from(c) * u32::from(alpha)).div_euclid(255) as u8;
            stored.push([times(rgba[2]), times(rgba[1]), times(rgba[0]), alpha]);
            wanted.push(rgba);
        }
    }
    let line = 12_usize;
    let raw: Vec<u8> = stored.into_iter().flatten().collect();
    let mut filtered = Vec::new();
    for y in 0..5_usize {
        filtered.push(y as u8);
        for at in 0..line {
            let byte = |dy: usize, dx: usize| match (y.checked_sub(dy), at.checked_sub(dx)) {
                (Some(y), Some(at)) => raw[y * line + at],
                _ => 0,
            };
            let predicted = match y {
                0 => 0,
                1 => byte(0, 4),
                2 => byte(1, 0),
                3 => ((u16::from(byte(0, 4)) + u16::from(byte(1, 0))) / 2) as u8,
                _ => paeth(byte(0, 4), byte(1, 0), byte(1, 4)),
            };
            filtered.push(byte(0, 0).wrapping_sub(predicted));
        }
    }
    let mut png = SIGNATURE.to_vec();
    push_chunk(&mut png, *b"CgBI", &[0x50, 0, 0x20, 2]);
    let mut header = [0_u8; 13];
    header[3] = 3;
    header[7] = 5;
    header[8..].copy_from_slice(&[8, 6, 0, 0, 0]);
    push_chunk(&mut png, *b"IHDR", &header);
    push_chunk(&mut png, *b"IDAT", &miniz_oxide::deflate::compress_to_vec(&filtered, 6));
    push_chunk(&mut png, *b"IEND", &[]);
    (png, wanted)
}

#[test]
fn xcode_pngs_become_standard_ones() {
    let (png, wanted) = cgbi();
    assert!(is_cgbi(&png));
    let converted = from_cgbi(&png).unwrap();
    assert!(!is_cgbi(&converted));
    let kinds: Vec<_> = chunks(&converted).map(|(kind, _)| kind).collect();
    assert_eq!(kinds, [b"IHDR", b"IDAT", b"IEND"]);
    let (_, data) = chunks(&converted).nth(1).unwrap();
    let pixels = miniz_oxide::inflate::decompress_to_vec_zlib(data).unwrap();
    let shown: Vec<[u8; 4]> =
        pixels.chunks_exact(13).flat_map(|row| row[1..].as_chunks::<4>().0.to_vec()).collect();
    for (shown, wanted) in shown.iter().zip(&wanted) {
        // Multiplying by alpha has lost a bit.
        let near = shown.iter().zip(wanted).all(|(a, b)| a.abs_diff(*b) <= 2);
        assert!(near, "{shown:?} for {wanted:?}");
        assert_eq!(shown[3], wanted[3]);
    }
    assert_eq!(shown.len(), wanted.len());
}

#[test]
fn broken_pictures_are_passed_over() {
    let (png, _) = cgbi();
    let limits = PackageLimits::default();
    assert_eq!(side(&png, &limits), Some(3));
    for end in 0..png.len() {
        let cut = &png[..end];
        if side(cut, &limits).is_some() {
            // No checksum is compared, so the last chunk may lack its end.
            let _ = from_cgbi(cut);
        }
    }
    assert_eq!(side(&png, &PackageLimits { max_icon_side: 2, ..limits }), None);
    assert_eq!(side(b"GIF89a", &limits), None);
    let mut interlaced = png.clone();
    let at = interlaced.windows(4).position(|w| w == b"IHDR").unwrap() + 4 + 12;
    interlaced[at] = 1;
    assert_eq!(from_cgbi(&interlaced), None);
    let mut huge = png;
    let at = huge.windows(4).position(|w| w == b"IHDR").unwrap() + 4;
    huge[at..at + 8].fill(0xff);
    assert_eq!(side(&huge, &limits), None);
    assert_eq!(from_cgbi(&huge), None);
}
