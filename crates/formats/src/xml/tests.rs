use super::*;
use crate::error::Position;

/// The nodes of a document, one word each.
fn nodes(document: &[u8], limits: &Limits) -> Result<Vec<String>, ReadError> {
    let decoded = text::decode(document);
    let mut xml = Xml::new(&decoded, limits);
    let mut seen = Vec::new();
    loop {
        match xml.next()? {
            Node::Open(element) => seen.push(format!("+{}", element.name())),
            Node::Close => seen.push("-".to_owned()),
            Node::Text(text) => seen.push(text.into_owned()),
            Node::End => return Ok(seen),
        }
    }
}

fn fault(document: &str) -> String {
    match nodes(document.as_bytes(), &Limits::default()) {
        Ok(seen) => panic!("{document} gave {seen:?}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn gives_nodes_with_entities_resolved() {
    let document = b"<?xml version='1.0'?>\n<!-- c --><a:b x='1'>1 &lt;&#x41;&#66;\r\n<![CDATA[&lt;]]><c/></a:b>\n";
    let seen = nodes(document, &Limits::default());
    let expected = ["+b", "1 ", "<", "A", "B", "\n", "&lt;", "+c", "-", "-"];
    assert_eq!(seen, Ok(expected.map(str::to_owned).to_vec()));
}

#[test]
fn faults_have_a_place_and_a_reason() {
    for (document, expected) in [
        ("", "line 1, column 1: there is no root element"),
        ("<!-- only -->", "line 1, column 14: there is no root element"),
        ("<a>\n<b>", "line 2, column 4: the file ends with 2 elements still open"),
        ("<a>\n  </b></a>", "line 2, column 3: expected `</a>`, but `</b>` was found"),
        ("<a/><b/>", "line 1, column 5: a second root element"),
        ("<a/> x", "line 1, column 5: text outside of the root element"),
        ("x<a/>", "line 1, column 1: text outside of the root element"),
        ("<a/><![CDATA[x]]>", "line 1, column 5: text outside of the root element"),
        ("&lt;<a/>", "line 1, column 1: text outside of the root element"),
        ("<a>< b></a>", "line 1, column 4: `<` without the name of an element"),
        ("<a>&nbsp;</a>", "line 1, column 4: unknown entity `&nbsp;`"),
        ("<a>\n&amp</a>", "line 2, column 1: entity or character reference not closed"),
        ("<a></a", "line 1, column 4: tag not closed"),
        ("<a/><!DOCTYPE a>", "line 1, column 5: a misplaced document type"),
        ("<!DOCTYPE a><!DOCTYPE b><a/>", "line 1, column 13: a misplaced document type"),
    ] {
        let fault = fault(document);
        let expected = format!("malformed XML at {expected}");
        assert!(fault.starts_with(&expected), "{document}: {fault}");
    }
}

#[test]
fn depth_is_bounded() {
    let limits = Limits { max_depth: 3, ..Limits::default() };
    assert!(nodes(b"<a><b><c/></b></a>", &limits).is_ok());
    let too_deep = nodes(b"<a><b><c>\n<d/></c></b></a>", &limits);
    let at = Position { line: 2, column: 1 };
    assert_eq!(too_deep, Err(ReadError::TooDeep { at, limit: 3 }));
}

#[test]
fn a_byte_that_is_no_text_is_told_apart_from_bad_xml() {
    let fault = nodes(b"<a>\xe4</a>", &Limits::default());
    assert_eq!(fault, Err(ReadError::Encoding { expected: "UTF-8", offset: 3 }));
    let fault = nodes(b"<a/>\n\xff", &Limits::default());
    assert_eq!(fault, Err(ReadError::Encoding { expected: "UTF-8", offset: 5 }));
}

#[test]
fn declarations_of_markup_are_refused() {
    for (document, external, refused) in [
        ("<a/>", true, true),
        ("<!DOCTYPE a><a/>", true, false),
        ("<!DOCTYPE a SYSTEM 'x[1].dtd'><a/>", true, false),
        ("<!DOCTYPE a PUBLIC \"it's\" \"b.dtd\"><a/>", true, false),
        ("<!DOCTYPE a [<!ENTITY b 'c'>]><a/>", false, false),
        ("<!DOCTYPE a SYSTEM 'b.dtd' []><a/>", false, false),
    ] {
        let decoded = text::decode(document.as_bytes());
        let mut xml = Xml::new(&decoded, &Limits::default());
        assert!(xml.root().is_ok(), "{document}");
        assert_eq!(xml.allow(Doctype::External).is_ok(), external, "{document}");
        assert_eq!(xml.allow(Doctype::Refused).is_ok(), refused, "{document}");
    }
}

/// The attributes `x` and `y` of the root.
fn attributes(document: &str) -> Result<[Option<String>; 2], ReadError> {
    let decoded = text::decode(document.as_bytes());
    let mut xml = Xml::new(&decoded, &Limits::default());
    let root = xml.root()?;
    Ok(xml.attributes(&root, ["x", "y"])?.map(|value| value.map(Cow::into_owned)))
}

#[test]
fn attributes_are_found_by_name() {
    let some = |value: &str| Some(value.to_owned());
    assert_eq!(attributes("<a/>"), Ok([None, None]));
    assert_eq!(attributes("<a y='1' x='&lt;&#10;&quot;' z=''/>"), Ok([some("<\n\""), some("1")]));
    assert_eq!(attributes("<a p:x='1' xmlns:y='2' x='a\nb'/>"), Ok([some("a b"), None]));
}

#[test]
fn bad_attributes_are_faults() {
    let many: String = (0..300).map(|n| format!(" a{n}=''")).collect();
    let limit = Err(ReadError::TooMany { what: "attributes on one element", limit: 256 });
    assert_eq!(attributes(&format!("<a{many}/>")), limit);
    for document in ["<a x/>", "<a x=1/>", "<a x='1' x='2'/>", "<a x='&b;'/>", "<a x='&#0;'/>"] {
        let fault = attributes(document);
        assert!(matches!(fault, Err(ReadError::Xml { .. })), "{document}: {fault:?}");
    }
}
