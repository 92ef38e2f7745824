//! Numbers at places of a hostile byte string: every access is checked. Knows
//! no format.

use super::error::PackageError;

/// A part of a file, and what to call the file in an error.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bytes<'b> {
    all: &'b [u8],
    what: &'static str,
}

impl<'b> Bytes<'b> {
    pub(super) fn new(all: &'b [u8], what: &'static str) -> Self {
        Self { all, what }
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn all(&self) -> &'b [u8] {
        self.all
    }

    pub(super) fn fault(&self, reason: &'static str) -> PackageError {
        PackageError::Malformed { what: self.what, reason }
    }

    /// `len` bytes from `at`.
    pub(super) fn part(&self, at: usize, len: usize) -> Result<Self, PackageError> {
        let end = at.checked_add(len).filter(|end| *end <= self.all.len());
        let end = end.ok_or_else(|| self.fault("it ends too early"))?;
        Ok(Self { all: &self.all[at..end], what: self.what })
    }

    /// Everything from `at`.
    pub(super) fn from(&self, at: usize) -> Result<Self, PackageError> {
        self.part(at, self.all.len().saturating_sub(at))
    }

    fn array<const N: usize>(&self, at: usize) -> Result<[u8; N], PackageError> {
        let part = self.part(at, N)?.all;
        part.try_into().map_err(|_| self.fault("it ends too early"))
    }

    pub(super) fn u8(&self, at: usize) -> Result<u8, PackageError> {
        self.array::<1>(at).map(|[byte]| byte)
    }

    pub(super) fn u16(&self, at: usize) -> Result<u16, PackageError> {
        self.array(at).map(u16::from_le_bytes)
    }

    pub(super) fn u32(&self, at: usize) -> Result<u32, PackageError> {
        self.array(at).map(u32::from_le_bytes)
    }

    pub(super) fn u64(&self, at: usize) -> Result<u64, PackageError> {
        self.array(at).map(u64::from_le_bytes)
    }

    /// A 32-bit size or offset.
    pub(super) fn size(&self, at: usize) -> Result<usize, PackageError> {
        self.u32(at).map(|size| size as usize)
    }

    /// A big-endian number of `len` bytes, at most 8.
    pub(super) fn big_endian(&self, at: usize, len: usize) -> Result<u64, PackageError> {
        if len > 8 {
            return Err(self.fault("a number is too long"));
        }
        let part = self.part(at, len)?.all;
        Ok(part.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    /// Splits off a part that stands behind its 32-bit length.
    pub(super) fn take_prefixed(&mut self) -> Result<Self, PackageError> {
        let len = self.size(0)?;
        let part = self.part(4, len)?;
        *self = self.from(4 + len)?;
        Ok(part)
    }
}

/// Counts down what may be looked at in one package.
#[derive(Debug)]
pub(super) struct Budget {
    what: &'static str,
    limit: usize,
    left: usize,
}

impl Budget {
    pub(super) fn new(what: &'static str, limit: usize) -> Self {
        Self { what, limit, left: limit }
    }

    pub(super) fn take(&mut self, amount: usize) -> Result<(), PackageError> {
        let spent = PackageError::TooMany { what: self.what, limit: self.limit };
        self.left = self.left.checked_sub(amount).ok_or(spent)?;
        Ok(())
    }

    pub(super) fn left(&self) -> usize {
        self.left
    }
}
