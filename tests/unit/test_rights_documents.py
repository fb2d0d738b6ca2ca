"""XML and archives from senders that nobody has to trust."""

import pytest

from recsys.errors import DataError
from recsys.safety.rights import documents, sheets
from support.rights import avails_csv, ern, onix, packed, read, sales

ROW = {"Territory": "DE", "Start": "Immediate", "End": "Open", "ContentID": "a"}


@pytest.mark.parametrize(
    "doctype",
    [
        "<!DOCTYPE ONIXMessage [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;&a;'>]>",
        '<!DOCTYPE ONIXMessage [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE ONIXMessage SYSTEM "http://127.0.0.1:9/onix.dtd">',
    ],
)
def test_entities_and_other_files_are_refused_with_their_line(doctype):
    with pytest.raises(DataError, match="document, line 2: there is a document type declaration"):
        read(onix().replace("\n<ONIX", f"\n{doctype}\n<ONIX", 1))


def test_an_entity_that_nobody_declared_is_refused():
    with pytest.raises(DataError, match="undefined entity"):
        read(onix("&lol;"))


def test_what_lies_too_deep_is_refused():
    with pytest.raises(DataError, match="more than 50 deep"):
        read(onix("<a>" * 100))


def test_a_record_that_is_too_large_is_refused(monkeypatch):
    monkeypatch.setattr(documents, "MAX_NODES", 20)
    with pytest.raises(DataError, match="too large to be one"):
        read(onix("<a/>" * 30))


def test_a_file_that_is_too_large_is_refused(monkeypatch):
    monkeypatch.setattr(documents, "MAX_BYTES", 100)
    with pytest.raises(DataError, match="split it"):
        read(onix())


def test_an_archive_that_unpacks_to_too_much_is_refused(monkeypatch):
    monkeypatch.setattr(sheets, "MAX_UNPACKED", 1000)
    with pytest.raises(DataError, match="unpacks to more than"):
        read(packed({"xl/worksheets/sheet1.xml": "0" * 100_000}))


@pytest.mark.parametrize("encoding", ["utf-16", "gb18030", "big5", "iso-8859-1"])
def test_other_encodings_are_read_as_they_are_declared(encoding):
    text = onix(sales("01", CountriesIncluded="DE")).replace("UTF-8", encoding)
    assert read(text.encode(encoding))[0].rights.windows("DE")


@pytest.mark.parametrize("encoding", ["utf-7", "rot13", "no-such-thing"])
def test_an_encoding_that_no_document_is_in_is_refused(encoding):
    with pytest.raises(DataError):
        read(onix().replace("UTF-8", encoding))


def test_text_that_is_not_in_the_encoding_it_declares_is_refused():
    with pytest.raises(DataError, match="line 3"):
        read(onix().encode().replace(b"Lighthouse", b"\xff\xfe\xfd"))


@pytest.mark.parametrize("data", [b"", b" ", b"hello", b"PK\x03\x04", b"<html></html>", b"\x89PNG\r\n"])
def test_what_is_no_rights_document_is_refused(data):
    with pytest.raises(DataError):
        read(data)


def test_csv_in_another_encoding_is_refused():
    with pytest.raises(DataError, match="UTF-8"):
        read(avails_csv({**ROW, "TitleInternalAlias": "É"}).encode("latin-1"))


def test_the_format_is_guessed_behind_comments_and_instructions():
    commented = ern("<TerritoryCode>DE</TerritoryCode>").replace("\n", "\n<!-- <ONIXMessage> --><?a b?>\n", 1)
    assert read(commented)[0].rights.source == "ddex"
