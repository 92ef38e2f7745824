//! dSYMs: which functions and lines the addresses of an iOS app stand for. The
//! DWARF is read by `gimli` and `addr2line`, the Mach-O around it by `object`;
//! this file finds the right one in an archive and holds all to limits. May not
//! guess: an image is taken only by its UUID, which the caller knows.
//!
//! Swift's mangled names are shown by their plain parts alone (module, types,
//! function), without arguments.

use std::io::{Read, Seek};

use addr2line::Context;
use gimli::{DwAt, EndianSlice, RunTimeEndian};
use object::read::macho::{FatArch, MachOFatFile32, MachOFatFile64};
use object::{FileKind, Object, ObjectSection, ObjectSegment};

use crate::package::archive::Archive;
use crate::package::{PackageError, PackageLimits};
use crate::text::clip;

/// Where a dSYM has its files.
const INSIDE: &str = ".dSYM/Contents/Resources/DWARF/";
/// Largest DWARF of one dSYM, unpacked.
const MAX_DWARF: usize = 256 << 20;
/// DWARF that is unpacked for one crash.
const MAX_ALL: usize = 1 << 30;
/// Architectures in one file.
const MAX_ARCHITECTURES: usize = 16;
/// Calls that one address may stand for.
const MAX_INLINED: usize = 64;
/// Longest name or path, in bytes.
const MAX_NAME: usize = 1_000;

type Reader<'d> = EndianSlice<'d, RunTimeEndian>;

/// The dSYMs in an archive.
pub struct Dsyms<R> {
    archive: Archive<R>,
    /// Paths in the archive.
    paths: Vec<String>,
}

impl<R: Read + Seek> Dsyms<R> {
    /// Lists what `file`, a ZIP archive, holds; none is no error.
    ///
    /// # Errors
    /// A broken archive, or one with too many files.
    pub fn open(file: R) -> Result<Self, PackageError> {
        let limits = PackageLimits {
            max_entry_bytes: MAX_DWARF,
            max_total_bytes: MAX_ALL,
            ..PackageLimits::default()
        };
        let archive = Archive::open(file, &limits)?;
        let is_dwarf = |path: &&str| {
            path.split_once(INSIDE).is_some_and(|(before, name)| {
                !name.is_empty() && !name.contains('/') && !before.starts_with("__MACOSX/")
            })
        };
        let paths = archive.paths().filter(is_dwarf).map(str::to_owned).collect();
        Ok(Self { archive, paths })
    }

    /// Names of the binaries, by the number for `read`.
    pub fn names(&self) -> impl Iterator<Item = (usize, &str)> {
        let name = |path: &str| path.rfind('/').map_or(0, |slash| slash + 1);
        self.paths.iter().enumerate().map(move |(number, path)| (number, &path[name(path)..]))
    }

    /// Unpacks one.
    ///
    /// # Errors
    /// A damaged archive, or a passed limit.
    pub fn read(&mut self, number: usize) -> Result<Vec<u8>, PackageError> {
        let missing = PackageError::Missing("dSYM");
        let path = self.paths.get(number).cloned().ok_or(missing)?;
        self.archive.read(&path, "the dSYM")
    }
}

/// One call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFrame {
    pub function: String,
    /// As the compiler was given it.
    pub file: Option<String>,
    pub line: Option<u32>,
}

/// One architecture of a dSYM.
pub struct Image<'d> {
    /// 32 lowercase hex digits.
    pub uuid: String,
    file: object::File<'d>,
}

/// The architectures of a Mach-O file; those that cannot be read are left out.
pub fn images(bytes: &[u8]) -> Vec<Image<'_>> {
    let parts: Vec<&[u8]> = match FileKind::parse(bytes) {
        Ok(FileKind::MachOFat32) => {
            MachOFatFile32::parse(bytes).map(|fat| slices(fat.arches(), bytes)).unwrap_or_default()
        }
        Ok(FileKind::MachOFat64) => {
            MachOFatFile64::parse(bytes).map(|fat| slices(fat.arches(), bytes)).unwrap_or_default()
        }
        Ok(_) => vec![bytes],
        Err(_) => Vec::new(),
    };
    parts.into_iter().filter_map(image).collect()
}

fn image(part: &[u8]) -> Option<Image<'_>> {
    let file = object::File::parse(part).ok()?;
    let uuid = file.mach_uuid().ok().flatten()?;
    Some(Image { uuid: uuid.iter().map(|byte| format!("{byte:02x}")).collect(), file })
}

fn slices<'d, A: FatArch>(architectures: &[A], bytes: &'d [u8]) -> Vec<&'d [u8]> {
    let all = architectures.iter().take(MAX_ARCHITECTURES);
    all.filter_map(|architecture| architecture.data(bytes).ok()).collect()
}

impl Image<'_> {
    /// Looks up addresses, counted from where the image is loaded: the calls of
    /// each, the innermost first, empty where nothing is known. Asks `go_on`
    /// before each, and leaves the rest when told no.
    pub fn look_up(&self, offsets: &[u64], go_on: impl Fn() -> bool) -> Vec<Vec<SourceFrame>> {
        let base = self.base();
        let dwarf = self.dwarf();
        let context = dwarf.and_then(|dwarf| Context::from_dwarf(dwarf).ok());
        let symbols = self.file.symbol_map();
        let look_up = |offset: &u64| {
            if !go_on() {
                return Vec::new();
            }
            // Elsewhere is no code, and `addr2line` counts one beyond.
            let address = base.checked_add(*offset).filter(|address| self.holds(*address));
            let Some(address) = address else { return Vec::new() };
            let frames = context.as_ref().and_then(|context| frames(context, address));
            frames.filter(|frames| !frames.is_empty()).unwrap_or_else(|| {
                let symbol = symbols.before(address);
                symbol.map(|symbol| of_symbol(symbol.name())).into_iter().collect()
            })
        };
        offsets.iter().map(look_up).collect()
    }

    /// `arm64`, `arm` or `x86_64`; `None` for others.
    pub fn architecture(&self) -> Option<&'static str> {
        match self.file.architecture() {
            object::Architecture::Aarch64 => Some("arm64"),
            object::Architecture::Arm => Some("arm"),
            object::Architecture::X86_64 => Some("x86_64"),
            _ => None,
        }
    }

    /// Where the linker put the image.
    fn base(&self) -> u64 {
        self.text_segment().map_or(0, |(start, _)| start)
    }

    fn holds(&self, address: u64) -> bool {
        self.text_segment().is_some_and(|(start, end)| (start..end).contains(&address))
    }

    fn text_segment(&self) -> Option<(u64, u64)> {
        let mut segments = self.file.segments();
        let text = segments.find(|segment| matches!(segment.name(), Ok(Some("__TEXT"))))?;
        Some((text.address(), text.address().checked_add(text.size())?))
    }

    fn dwarf(&self) -> Option<gimli::Dwarf<Reader<'_>>> {
        let endian = match self.file.is_little_endian() {
            true => RunTimeEndian::Little,
            false => RunTimeEndian::Big,
        };
        gimli::Dwarf::load(|id| -> Result<Reader<'_>, gimli::Error> {
            let section = self.file.section_by_name(id.name());
            let data = section.and_then(|section| section.data().ok()).unwrap_or_default();
            Ok(EndianSlice::new(data, endian))
        })
        .ok()
    }
}

/// The calls at an address; `None` if the DWARF is damaged there.
fn frames(context: &Context<Reader<'_>>, address: u64) -> Option<Vec<SourceFrame>> {
    let mut found = context.find_frames(address).skip_all_loads().ok()?;
    let mut frames = Vec::new();
    while let Some(frame) = found.next().ok()? {
        let raw = frame.function.as_ref().and_then(|function| function.raw_name().ok());
        let raw = raw.unwrap_or_default();
        let plain = frame.dw_die_offset.and_then(|at| plain_name(context, address, at));
        let place = frame.location.as_ref();
        if raw.is_empty() && plain.is_none() && place.is_none() {
            continue;
        }
        frames.push(SourceFrame {
            function: clip(&readable(&raw, plain.as_deref()), MAX_NAME),
            file: place.and_then(|place| place.file).map(|file| clip(file, MAX_NAME)),
            line: place.and_then(|place| place.line).filter(|line| *line > 0),
        });
        if frames.len() == MAX_INLINED {
            break;
        }
    }
    Some(frames)
}

/// The name as it is in the source, without its type or module.
fn plain_name(
    context: &Context<Reader<'_>>,
    address: u64,
    at: gimli::UnitOffset,
) -> Option<String> {
    let unit = context.find_dwarf_and_unit(address).skip_all_loads()?;
    let mut at = at;
    // An inlined function refers to the one it is a copy of, a definition to
    // its declaration.
    for _ in 0..4 {
        let entry = unit.entry(at).ok()?;
        if let Some(name) = entry.attr_value(gimli::DW_AT_name) {
            return Some(unit.attr_string(name).ok()?.to_string_lossy().into_owned());
        }
        let refers = |attribute: DwAt| match entry.attr_value(attribute) {
            Some(gimli::AttributeValue::UnitRef(at)) => Some(at),
            _ => None,
        };
        at = refers(gimli::DW_AT_abstract_origin).or(refers(gimli::DW_AT_specification))?;
    }
    None
}

/// A name for people, of a linker's name and that of the source.
fn readable(raw: &str, plain: Option<&str>) -> String {
    let plain = plain.filter(|plain| !plain.is_empty());
    if let Some(parts) = swift_parts(raw) {
        let name = plain.unwrap_or_default();
        let bare = name.split('(').next().unwrap_or_default();
        return match parts.last() {
            Some(last) if bare == *last || name.is_empty() => parts.join("."),
            _ if name.is_empty() => raw.to_owned(),
            _ => parts.iter().copied().chain([name]).collect::<Vec<_>>().join("."),
        };
    }
    match cpp_parts(raw) {
        Some(parts) => parts.join("::"),
        None if raw.is_empty() || raw.starts_with(['$', '_']) => plain.unwrap_or(raw).to_owned(),
        None => raw.to_owned(),
    }
}

/// Module, types and function of `$s4Shop4CartC3payyyF`.
fn swift_parts(raw: &str) -> Option<Vec<&str>> {
    let name = raw.strip_prefix('_').unwrap_or(raw);
    let begins = ["$s", "$S", "$e"].iter().find_map(|begin| name.strip_prefix(begin))?;
    let mut rest = begins;
    let mut parts = Vec::new();
    while parts.len() < 16 {
        let Some((part, after)) = counted(rest) else { break };
        parts.push(part);
        // Between the names of nested types stands what kind they are.
        rest = after.strip_prefix(['C', 'V', 'O', 'P', 'E']).unwrap_or(after);
    }
    (!parts.is_empty()).then_some(parts)
}

/// Namespace, class and function of `_ZN4shop4Cart3addEi`.
fn cpp_parts(raw: &str) -> Option<Vec<&str>> {
    let name = raw.strip_prefix("__Z").or_else(|| raw.strip_prefix("_Z"))?;
    let Some(nested) = name.strip_prefix('N') else {
        return counted(name).map(|(part, _)| vec![part]);
    };
    let mut rest = nested.trim_start_matches(['K', 'V', 'r', 'L']);
    let mut parts = Vec::new();
    while let Some((part, after)) = counted(rest) {
        parts.push(part);
        rest = after;
    }
    // Templates, operators and the like have other letters in between.
    (rest.starts_with('E') && !parts.is_empty()).then_some(parts)
}

/// A name behind its length.
fn counted(text: &str) -> Option<(&str, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let length: usize = text[..digits].parse().ok().filter(|length| *length > 0)?;
    text[digits..].split_at_checked(length)
}

fn of_symbol(raw: &str) -> SourceFrame {
    // The linker puts a line in front of every name of C.
    let name = raw.strip_prefix('_').unwrap_or(raw);
    SourceFrame { function: clip(&readable(name, None), MAX_NAME), file: None, line: None }
}

#[cfg(test)]
mod tests;
