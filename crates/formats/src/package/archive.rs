//! The ZIP archive around a package, read in place: names are listed once, and
//! only the files that are asked for are unpacked, each up to a limit.

use std::io::{Read, Seek};

use miniz_oxide::inflate::{TINFLStatus, decompress_to_vec_with_limit};
use rawzip::{
    CompressionMethod, RECOMMENDED_BUFFER_SIZE, ReaderAt, ZipArchive, ZipArchiveEntryWayfinder,
};

use super::PackageLimits;
use super::bytes::Budget;
use super::error::PackageError;

/// Longest path that a file of interest has.
const MAX_PATH: usize = 512;

pub(crate) struct Archive<R> {
    zip: ZipArchive<Shared<R>>,
    files: Vec<File>,
    bytes: Budget,
    pub(super) nodes: Budget,
    pub(super) limits: PackageLimits,
}

/// One file of the archive.
struct File {
    path: String,
    packing: CompressionMethod,
    wayfinder: ZipArchiveEntryWayfinder,
}

/// Reads at an offset by seeking.
struct Shared<R>(std::cell::RefCell<R>);

impl<R: Read + Seek> ReaderAt for Shared<R> {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> std::io::Result<usize> {
        let mut reader = self.0.borrow_mut();
        reader.seek(std::io::SeekFrom::Start(offset))?;
        reader.read(buf)
    }
}

fn broken(error: rawzip::Error) -> PackageError {
    PackageError::Archive(crate::text::quote(&error.to_string()))
}

fn unreadable(error: std::io::Error) -> PackageError {
    PackageError::Io(crate::text::quote(&error.to_string()))
}

impl<R: Read + Seek> Archive<R> {
    /// Lists the files of interest: those whose path is not absurdly long.
    pub(crate) fn open(mut file: R, limits: &PackageLimits) -> Result<Self, PackageError> {
        let end = file.seek(std::io::SeekFrom::End(0)).map_err(unreadable)?;
        let mut buffer = vec![0; RECOMMENDED_BUFFER_SIZE];
        let reader = Shared(std::cell::RefCell::new(file));
        let zip = rawzip::ZipLocator::new()
            .locate_in_reader(reader, &mut buffer, end)
            .map_err(|(_, error)| broken(error))?;
        let mut files = Vec::new();
        let mut room = Budget::new("files", limits.max_entries);
        let mut entries = zip.entries(&mut buffer);
        while let Some(entry) = entries.next_entry().map_err(broken)? {
            room.take(1)?;
            let raw = entry.file_path();
            let Ok(path) = std::str::from_utf8(raw.as_bytes()) else { continue };
            if path.len() <= MAX_PATH && !entry.is_dir() {
                let path = path.to_owned();
                let (packing, wayfinder) = (entry.compression_method(), entry.wayfinder());
                files.push(File { path, packing, wayfinder });
            }
        }
        let bytes = Budget::new("unpacked bytes", limits.max_total_bytes);
        let nodes = Budget::new("nodes", limits.max_nodes);
        Ok(Self { zip, files, bytes, nodes, limits: *limits })
    }

    pub(crate) fn paths(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(|file| file.path.as_str())
    }

    /// The first file at `path`, unpacked; `what` names it in errors.
    pub(crate) fn read(&mut self, path: &str, what: &'static str) -> Result<Vec<u8>, PackageError> {
        let limit = self.limits.max_entry_bytes;
        self.read_up_to(path, what, limit)
    }

    /// The same for a file of at most `limit` bytes.
    pub(super) fn read_up_to(
        &mut self,
        path: &str,
        what: &'static str,
        limit: usize,
    ) -> Result<Vec<u8>, PackageError> {
        let file = self.files.iter().find(|file| file.path == path);
        let file = file.ok_or(PackageError::Missing(what))?;
        let entry = self.zip.get_entry(file.wayfinder).map_err(broken)?;
        let (start, end) = entry.compressed_data_range();
        let most = limit.min(self.bytes.left());
        let too_large = PackageError::TooMany { what: "bytes in one of its files", limit: most };
        let packed_len = usize::try_from(end.saturating_sub(start)).unwrap_or(usize::MAX);
        if packed_len > most {
            return Err(too_large);
        }
        let mut packed = vec![0; packed_len];
        self.zip.get_ref().read_exact_at(&mut packed, start).map_err(unreadable)?;
        let unpacked = match file.packing {
            CompressionMethod::STORE => packed,
            CompressionMethod::DEFLATE => {
                decompress_to_vec_with_limit(&packed, most).map_err(|error| match error.status {
                    TINFLStatus::HasMoreOutput => too_large,
                    _ => PackageError::Malformed { what, reason: "its packed bytes are broken" },
                })?
            }
            _ => return Err(PackageError::Packing { what }),
        };
        if entry.reader().claim_verifier().crc != rawzip::crc32(&unpacked) {
            return Err(PackageError::Malformed { what, reason: "its checksum is wrong" });
        }
        self.bytes.take(unpacked.len())?;
        Ok(unpacked)
    }

    /// The `len` bytes that end where the list of files begins, `skip` bytes
    /// earlier: an APK keeps its signatures there.
    pub(super) fn before_directory(&self, skip: u64, len: usize) -> Option<Vec<u8>> {
        let end = self.zip.directory_offset().checked_sub(skip)?;
        let start = end.checked_sub(len as u64)?;
        let mut bytes = vec![0; len];
        self.zip.get_ref().read_exact_at(&mut bytes, start).ok()?;
        Some(bytes)
    }
}
