//! The wire format of protocol buffers, as far as app bundles need it:
//! messages, strings and varints. Unknown fields are passed over.

use super::bytes::Budget;
use super::error::PackageError;

/// A message: its fields one by one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Message<'b> {
    bytes: &'b [u8],
    what: &'static str,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Field<'b> {
    Number(u64),
    Bytes(&'b [u8]),
    Other,
}

impl<'b> Message<'b> {
    pub(super) fn new(bytes: &'b [u8], what: &'static str) -> Self {
        Self { bytes, what }
    }

    pub(super) fn fault(&self, reason: &'static str) -> PackageError {
        PackageError::Malformed { what: self.what, reason }
    }

    /// The next field and its number; `None` at the end.
    pub(super) fn next(
        &mut self,
        nodes: &mut Budget,
    ) -> Result<Option<(u64, Field<'b>)>, PackageError> {
        if self.bytes.is_empty() {
            return Ok(None);
        }
        nodes.take(1)?;
        let key = self.varint()?;
        let field = match key & 7 {
            0 => Field::Number(self.varint()?),
            1 => self.take(8).map(|_| Field::Other)?,
            2 => {
                let len = usize::try_from(self.varint()?).unwrap_or(usize::MAX);
                Field::Bytes(self.take(len)?)
            }
            5 => self.take(4).map(|_| Field::Other)?,
            _ => return Err(self.fault("a field of an unknown kind")),
        };
        Ok(Some((key >> 3, field)))
    }

    /// The first field of this number that is a message or string. Writers
    /// put fields in order, so the search is short.
    pub(super) fn bytes(
        mut self,
        number: u64,
        nodes: &mut Budget,
    ) -> Result<Option<&'b [u8]>, PackageError> {
        while let Some((at, field)) = self.next(nodes)? {
            if let (true, Field::Bytes(bytes)) = (at == number, field) {
                return Ok(Some(bytes));
            }
        }
        Ok(None)
    }

    pub(super) fn message(
        self,
        number: u64,
        nodes: &mut Budget,
    ) -> Result<Option<Message<'b>>, PackageError> {
        Ok(self.bytes(number, nodes)?.map(|bytes| Message { bytes, what: self.what }))
    }

    /// The number in this field, 0 if it is not there.
    pub(super) fn number(mut self, number: u64, nodes: &mut Budget) -> Result<u64, PackageError> {
        while let Some((at, field)) = self.next(nodes)? {
            if let (true, Field::Number(value)) = (at == number, field) {
                return Ok(value);
            }
        }
        Ok(0)
    }

    fn take(&mut self, len: usize) -> Result<&'b [u8], PackageError> {
        let (part, rest) =
            self.bytes.split_at_checked(len).ok_or_else(|| self.fault("it ends too early"))?;
        self.bytes = rest;
        Ok(part)
    }

    fn varint(&mut self) -> Result<u64, PackageError> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(self.fault("a number is too long"))
    }
}
