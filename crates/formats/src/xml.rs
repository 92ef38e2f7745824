//! A pull reader for hostile XML, shared by the formats written in it. Holds
//! the document to one root, to a depth and to the five entities of XML, and
//! gives each error its place. Never fetches a DTD and expands no entity that
//! a document defines. Knows no format.

use std::borrow::Cow;

use quick_xml::XmlVersion;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::name::QName;

use crate::error::ReadError;
use crate::limits::Limits;
use crate::text::{self, Decoded};

/// Attributes of one element that are looked at. The largest known writer
/// uses about a dozen.
const MAX_ATTRIBUTES: usize = 256;

/// What comes next in a document. An empty element is an `Open` and a `Close`.
#[derive(Debug)]
pub(crate) enum Node<'t> {
    Open(Element<'t>),
    Close,
    Text(Cow<'t, str>),
    End,
}

/// A start tag.
#[derive(Debug)]
pub(crate) struct Element<'t> {
    start: BytesStart<'t>,
    offset: usize,
}

impl Element<'_> {
    /// Name without its namespace prefix: each format has one namespace or
    /// none, and writers pick prefixes as they like.
    pub(crate) fn name(&self) -> &str {
        self.start.local_name().into_inner()
    }
}

/// What a document type declaration may look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doctype {
    /// The format has none.
    Refused,
    /// The format's writer refers to its DTD, which is never fetched. Anything
    /// declared inside the document is still refused.
    External,
}

#[derive(Debug)]
pub(crate) struct Xml<'t> {
    reader: quick_xml::Reader<&'t [u8]>,
    text: &'t str,
    broken: Option<&'t ReadError>,
    doctype: Option<(usize, &'t str)>,
    max_depth: usize,
    depth: usize,
    has_root: bool,
}

impl<'t> Xml<'t> {
    pub(crate) fn new(decoded: &'t Decoded<'_>, limits: &Limits) -> Self {
        let text: &str = &decoded.text;
        let mut reader = quick_xml::Reader::from_str(text);
        reader.config_mut().expand_empty_elements = true;
        Self {
            reader,
            text,
            broken: decoded.broken.as_ref(),
            doctype: None,
            max_depth: limits.max_depth,
            depth: 0,
            has_root: false,
        }
    }

    /// The root element, to be called first.
    pub(crate) fn root(&mut self) -> Result<Element<'t>, ReadError> {
        match self.next()? {
            Node::Open(element) => Ok(element),
            _ => Err(self.malformed(self.text.len(), "there is no root element")),
        }
    }

    /// To be called once the root element told the format.
    pub(crate) fn allow(&self, allowed: Doctype) -> Result<(), ReadError> {
        let Some((offset, declaration)) = self.doctype else { return Ok(()) };
        let at = text::locate(self.text, offset);
        if allowed == Doctype::Refused {
            let what = "a document type declaration (DOCTYPE) does not belong in this format";
            return Err(ReadError::Refused { at, what });
        }
        if has_internal_subset(declaration) {
            let what = "a document type declaration that declares entities or other markup";
            return Err(ReadError::Refused { at, what });
        }
        Ok(())
    }

    pub(crate) fn next(&mut self) -> Result<Node<'t>, ReadError> {
        loop {
            let offset = self.offset();
            let event = match self.reader.read_event() {
                Ok(event) => event,
                Err(error) => {
                    let at = usize::try_from(self.reader.error_position()).unwrap_or(offset);
                    return Err(self.malformed(at, &reason_of(&error)));
                }
            };
            match event {
                Event::Start(start) => return self.open(Element { start, offset }),
                Event::End(_) => {
                    self.depth -= 1;
                    return Ok(Node::Close);
                }
                Event::Text(text) => {
                    let content = text.xml10_content();
                    if self.depth > 0 {
                        return Ok(Node::Text(content));
                    }
                    if !content.trim_ascii().is_empty() {
                        return Err(self.malformed(offset, "text outside of the root element"));
                    }
                }
                Event::CData(data) if self.depth > 0 => {
                    return Ok(Node::Text(data.xml10_content()));
                }
                Event::GeneralRef(reference) if self.depth > 0 => {
                    return self.resolve(&reference, offset);
                }
                Event::CData(_) | Event::GeneralRef(_) => {
                    return Err(self.malformed(offset, "text outside of the root element"));
                }
                Event::DocType(_) => self.note_doctype(offset)?,
                Event::Eof => return self.end(),
                Event::Empty(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            }
        }
    }

    /// Values of the named attributes, `None` for those that are not there.
    pub(crate) fn attributes<'e, const N: usize>(
        &self,
        element: &'e Element<'_>,
        names: [&str; N],
    ) -> Result<[Option<Cow<'e, str>>; N], ReadError> {
        let mut values = [const { None }; N];
        for (count, attribute) in element.start.attributes().enumerate() {
            if count == MAX_ATTRIBUTES {
                let what = "attributes on one element";
                return Err(ReadError::TooMany { what, limit: MAX_ATTRIBUTES });
            }
            let attribute =
                attribute.map_err(|error| self.malformed(element.offset, &error.to_string()))?;
            let QName(key) = attribute.key;
            if let Some(index) = names.iter().position(|name| *name == key) {
                let value = attribute
                    .normalized_value(XmlVersion::Implicit1_0)
                    .map_err(|error| self.malformed(element.offset, &error.to_string()))?;
                values[index] = Some(value);
            }
        }
        Ok(values)
    }

    /// An error about an element that is well-formed but makes no sense.
    pub(crate) fn nonsense(&self, element: &Element<'_>, reason: &str) -> ReadError {
        self.malformed(element.offset, reason)
    }

    fn offset(&self) -> usize {
        usize::try_from(self.reader.buffer_position()).unwrap_or(self.text.len())
    }

    fn open(&mut self, element: Element<'t>) -> Result<Node<'t>, ReadError> {
        if self.depth == 0 && self.has_root {
            return Err(self.malformed(element.offset, "a second root element"));
        }
        if !element.start.name().into_inner().starts_with(is_name_start) {
            return Err(self.malformed(element.offset, "`<` without the name of an element"));
        }
        if self.depth == self.max_depth {
            let at = text::locate(self.text, element.offset);
            return Err(ReadError::TooDeep { at, limit: self.max_depth });
        }
        self.depth += 1;
        self.has_root = true;
        Ok(Node::Open(element))
    }

    fn resolve(&self, entity: &BytesRef<'_>, offset: usize) -> Result<Node<'t>, ReadError> {
        match entity.resolve_char_ref() {
            Ok(Some(character)) => return Ok(Node::Text(Cow::Owned(character.to_string()))),
            Ok(None) => {}
            Err(error) => return Err(self.malformed(offset, &error.to_string())),
        }
        match quick_xml::escape::resolve_xml_entity(entity) {
            Some(text) => Ok(Node::Text(Cow::Borrowed(text))),
            None => Err(self.malformed(offset, &format!("unknown entity `&{};`", &**entity))),
        }
    }

    fn note_doctype(&mut self, offset: usize) -> Result<(), ReadError> {
        if self.has_root || self.doctype.is_some() {
            return Err(self.malformed(offset, "a misplaced document type declaration"));
        }
        let end = self.offset();
        self.doctype = Some((offset, &self.text[offset..end]));
        Ok(())
    }

    fn end(&self) -> Result<Node<'t>, ReadError> {
        if self.depth > 0 || !self.has_root {
            let reason = match self.depth {
                0 => "there is no root element".to_owned(),
                open => format!("the file ends with {open} elements still open"),
            };
            return Err(self.malformed(self.text.len(), &reason));
        }
        match self.broken {
            Some(broken) => Err(broken.clone()),
            None => Ok(Node::End),
        }
    }

    /// Where the text broke off, that is the reason for whatever fault follows.
    fn malformed(&self, offset: usize, reason: &str) -> ReadError {
        match self.broken {
            Some(broken) => broken.clone(),
            None => {
                let at = text::locate(self.text, offset);
                ReadError::Xml { at, reason: text::quote(reason) }
            }
        }
    }
}

/// Without the class of the error, which `malformed XML` says already.
fn reason_of(error: &quick_xml::Error) -> String {
    match error {
        quick_xml::Error::Syntax(error) => error.to_string(),
        quick_xml::Error::IllFormed(error) => error.to_string(),
        other => other.to_string(),
    }
}

fn is_name_start(first: char) -> bool {
    first.is_alphabetic() || matches!(first, '_' | ':')
}

/// Whether a document type declaration has a `[`, quoted identifiers aside.
fn has_internal_subset(declaration: &str) -> bool {
    let mut quote = None;
    for byte in declaration.bytes() {
        match (quote, byte) {
            (None, b'[') => return true,
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), _) if open == byte => quote = None,
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests;
