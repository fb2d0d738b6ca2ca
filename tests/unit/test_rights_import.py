"""`recsys rights import` and `show`: from documents to the control store."""

import json

import pyarrow as pa
import pytest

from recsys.dataset.catalogue import Catalogue
from recsys.errors import ConfigError, DataError
from recsys.safety.rights import FORBIDDEN, Rights, Term, only
from serving.stores.control import ControlStore
from support.command_line import nowhere, recsys
from support.rights import avails_csv, ern, onix, sales

__all__ = ["nowhere", "recsys"]


@pytest.fixture
def control(tmp_path):
    (tmp_path / "var").mkdir()
    store = ControlStore.open(tmp_path / "var" / "control.db")
    store.upsert_items([{"item_id": "tide", "isbn": "978-9-99-999999-1"}, {"item_id": "4099999999990"}], "sam")
    yield store
    store.close()


@pytest.fixture
def book(tmp_path):
    file = tmp_path / "onix.xml"
    file.write_text(onix(sales("01", CountriesIncluded="DE")))
    return file


def test_a_work_is_found_by_the_column_that_holds_its_isbn(recsys, control, book):
    recsys("rights", "import", book, "--key", "isbn=isbn", "--actor", "sam")
    (found,) = control.rights().items()
    assert found == ("tide", Rights((Term(only("DE"), use="sell:01"),), (), "onix", "onix.xml"))
    assert control.audit()[-1].action == "rights.import"


def test_an_item_whose_id_is_the_isbn_is_found_however_it_is_written(recsys, control, book):
    control.upsert_items([{"item_id": "978-9-99-999999-1"}], "sam")
    recsys("rights", "import", book)
    assert set(control.rights()) == {"978-9-99-999999-1"}


def test_works_of_the_bundle_are_found_by_any_column_and_keep_it_through_an_upsert(
    recsys, control, book, tmp_path, monkeypatch
):
    items = pa.table({"item_id": ["novel"], "ean": ["9789999999991"], "vector": [[1.0, 2.0]], "min_age": [12]})
    (tmp_path / "bundle").mkdir()
    Catalogue(items).save(tmp_path / "bundle" / "items.arrow")
    monkeypatch.setenv("RECSYS_BUNDLE", str(tmp_path / "bundle"))
    control.upsert_items([{"item_id": "novel", "title": "A novel"}], "sam")
    recsys("rights", "import", book, "--key", "isbn=ean")
    assert set(control.rights()) == {"novel"}


def test_a_dry_run_says_the_same_and_changes_nothing(recsys, control, book):
    said = json.loads(recsys("rights", "import", book, "--key", "isbn=isbn", "--dry-run", "--json"))
    assert (said["records"], said["matched"], said["items"], said["written"]) == (1, 1, ["tide"], False)
    assert control.rights() == {}


def test_a_work_that_nobody_knows_is_named(recsys, control, book):
    assert "No item here answers to: isbn 9789999999991" in recsys("rights", "import", book)
    assert control.rights() == {}


def test_a_purge_takes_the_work_down(recsys, control, tmp_path):
    (tmp_path / "purge.xml").write_text(
        "<PurgeReleaseMessage><PurgedRelease><ReleaseId><ICPN>4099999999990</ICPN></ReleaseId></PurgedRelease>"
        "</PurgeReleaseMessage>"
    )
    assert "taken down: 1" in recsys("rights", "import", tmp_path / "purge.xml", "--actor", "sam")
    (order,) = control.takedowns()
    assert (order.item_id, order.territory) == ("4099999999990", None)
    assert control.rights()["4099999999990"].windows("DE") == ()


def test_a_newer_document_replaces_what_an_older_one_said(recsys, control, tmp_path):
    deal = "<UseType>Stream</UseType><TerritoryCode>{}</TerritoryCode>"
    for territory in ("DE", "FR"):
        (tmp_path / "ern.xml").write_text(ern(deal.format(territory)))
        recsys("rights", "import", tmp_path / "ern.xml")
    rights = control.rights()["4099999999990"]
    assert (bool(rights.windows("DE")), bool(rights.windows("FR"))) == (False, True)


def test_a_mistake_in_one_file_writes_nothing_of_any(recsys, control, book, tmp_path):
    bad = tmp_path / "list.csv"
    bad.write_text(avails_csv({"Territory": "Mars", "Start": "Immediate", "ContentID": "tide"}))
    message = recsys("rights", "import", book, bad, "--key", "isbn=isbn", fails=DataError)
    assert "list.csv, row 3" in message
    assert control.rights() == {}


def test_a_format_that_is_not_known_is_refused(recsys, control, book):
    assert "onix, avails, ddex" in recsys("rights", "import", book, "--format", "marc", fails=ConfigError)


def test_show_explains_in_words(recsys, control, book):
    recsys("rights", "import", book, "--key", "isbn=isbn")
    said = recsys("rights", "show", "tide", "--territory", "DE", "--at", "2027-01-01")
    assert "Granted (sell:01) in DE." in said
    assert "In Germany (DE) it may be shown at once, without end." in said
    assert "not shown: territory" in recsys("rights", "show", "tide", "--territory", "FR")


def test_the_fields_of_the_item_and_the_document_both_have_to_allow(recsys, control, book):
    control.upsert_items([{"item_id": "tide", "isbn": "9789999999991", "available_to": 0.0}], "sam")
    recsys("rights", "import", book, "--key", "isbn=isbn")
    said = json.loads(recsys("rights", "show", "tide", "--territory", "DE", "--at", "2027-01-01", "--json"))
    assert (said["reason"], said["windows"]) == ("window", [{"opens": None, "closes": "1970-01-01T00:00:00+00:00"}])


def test_rights_come_since_a_change_number_and_a_broken_row_forbids(control):
    first = control.put_rights({"a": Rights((Term(),))}, actor="sam", reason="test")
    control.put_rights({"b": Rights((Term(),))}, actor="sam", reason="test")
    assert set(control.rights(first)) == {"b"}
    assert [change.kind for change in control.changes(first)] == ["rights"]
    with control._db.write("sam") as write:
        write.connection.exec_driver_sql("UPDATE rights SET record = '{' WHERE item_id = 'b'")
    assert control.rights()["b"] == FORBIDDEN


def test_export_writes_what_documents_fields_and_takedowns_leave(recsys, control, book, tmp_path):
    recsys("rights", "import", book, "--key", "isbn=isbn")
    control.take_down("4099999999990", reason="court order", actor="sam")
    recsys("export", "--format", "schemaorg", "--out", tmp_path / "all.jsonld")
    graph = {node["identifier"]: node for node in json.loads((tmp_path / "all.jsonld").read_text())["@graph"]}
    assert graph["tide"]["offers"] == [{"@type": "Offer", "eligibleRegion": ["DE"]}]
    assert "offers" not in graph["4099999999990"]


def test_export_of_one_item_goes_to_the_terminal(recsys, control):
    assert "<dc:identifier>tide</dc:identifier>" in recsys("export", "--format", "dc", "--item", "tide")
    assert "No item has the id 'gone'" in recsys("export", "--format", "dc", "--item", "gone", fails=ConfigError)
