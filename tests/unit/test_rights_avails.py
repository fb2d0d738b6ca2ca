"""EMA and MDDF Avails: spreadsheet, CSV and XML."""

import io
import math
from datetime import UTC, datetime

import pytest

from recsys.errors import DataError
from recsys.safety.rights import read_file
from support.rights import avails_csv, avails_xlsx, avails_xml, packed, read

ALWAYS = ((-math.inf, math.inf),)
ROW = {
    "DisplayName": "Lighthouse",
    "Territory": "DE",
    "WorkType": "Movie",
    "EntryType": "Full Extract",
    "LicenseType": "SVOD",
    "Start": "2027-03-01",
    "End": "2027-06-01",
    "ContentID": "md:cid:tide",
}


def utc(*parts):
    return datetime(*parts, tzinfo=UTC).timestamp()


def rights(*rows):
    (entry,) = read(avails_csv(*({**ROW, **row} for row in rows)))
    return entry.rights


def test_a_row_grants_from_start_until_before_end_by_the_territorys_clock():
    assert rights({}).windows("DE") == ((utc(2027, 2, 28, 23), utc(2027, 5, 31, 22)),)
    assert rights({}).windows("FR") == ()
    assert rights({}).grants[0].use == "SVOD"


def test_a_time_of_day_is_local_and_an_offset_makes_it_absolute():
    assert rights({"Start": "2027-03-01T09:00:00"}).windows("DE")[0][0] == utc(2027, 3, 1, 8)
    assert rights({"Start": "2027-03-01T09:00:00Z"}).windows("DE")[0][0] == utc(2027, 3, 1, 9)


@pytest.mark.parametrize("end", ["Open", ""])
def test_immediate_and_open_have_no_bounds(end):
    assert rights({"Start": "Immediate", "End": end}).windows("DE") == ALWAYS


def test_rows_of_one_title_add_up():
    found = rights({"Territory": "DE"}, {"Territory": "FR", "LicenseType": "EST", "Start": "Immediate", "End": "Open"})
    assert (len(found.windows("DE")), found.windows("FR"), found.windows("IT")) == (1, ALWAYS, ())


def test_rest_of_world_is_where_no_other_row_of_the_title_speaks():
    found = rights({"Territory": "DE", "Start": "2028-01-01", "End": ""}, {"Territory": "ROW", "Start": "Immediate"})
    assert found.windows("DE") == ((utc(2027, 12, 31, 23), math.inf),)
    assert found.windows("JP") == ((-math.inf, utc(2027, 5, 31, 15)),)


def test_excluded_territories_are_taken_off():
    found = rights({"Territory": "WW", "TerritoryExclusion": "US, CA", "Start": "Immediate", "End": "Open"})
    assert [found.windows(place) for place in ("DE", "US", "CA")] == [ALWAYS, (), ()]


def test_before_the_suppression_lifts_no_row_of_the_title_shows_it():
    lifted = {"SuppressionLiftDate": "2027-04-01", "LicenseType": "POEST", "Start": "2027-04-01", "End": "2027-05-01"}
    found = rights({"Start": "Immediate"}, lifted)
    assert found.windows("DE") == ((utc(2027, 3, 31, 22), utc(2027, 5, 31, 22)),)
    assert found.reason("DE", utc(2027, 3, 15)) == "embargo"


def test_a_part_of_a_country_is_granted_nothing_and_embargoed_as_a_whole():
    found = rights(
        {"Territory": "WW", "Start": "Immediate"}, {"Territory": "CA-QC", "SuppressionLiftDate": "2027-04-01"}
    )
    assert found.windows("CA")[0][0] > found.windows("DE")[0][0] == -math.inf


def test_a_preorder_and_a_deleted_row_grant_nothing():
    assert rights({"LicenseType": "POEST"}, {"EntryType": "Full Delete"}).grants == ()


def test_a_spreadsheet_says_the_same_as_csv():
    row = {**ROW, "SuppressionLiftDate": "2027-04-01"}
    (one,), (other,) = read(avails_csv(row)), read(avails_xlsx(row))
    assert (one.ids, one.rights) == (other.ids, other.rights)


def test_a_day_that_a_spreadsheet_counts_is_read_as_one():
    (entry,) = read(avails_xlsx({**ROW, "Start": "46447"}))  # 2027-03-01
    assert entry.rights.windows("DE")[0][0] == utc(2027, 2, 28, 23)


def test_a_part_of_a_day_is_a_time_of_day():
    (entry,) = read(avails_csv({**ROW, "Start": "46447.375"}))  # 2027-03-01, 09:00
    assert entry.rights.windows("DE")[0][0] == utc(2027, 3, 1, 8)


def test_an_episode_row_is_not_about_its_series():
    columns = ("Territory", "WorkType", "LicenseType", "Start", "End", "SeriesContentID", "EpisodeContentID")
    row = {**ROW, "WorkType": "Episode", "SeriesContentID": "series", "EpisodeContentID": "episode 1"}
    (entry,) = read(avails_xlsx({name: row[name] for name in columns}, columns=columns))
    assert entry.ids == (("episodecontentid", "episode 1"),)


def test_xml_says_the_same_as_a_row():
    deal = (
        "<Transaction><LicenseType>SVOD</LicenseType><Territory><md:country>DE</md:country></Territory>"
        "<Start>2027-03-01</Start><End>2027-06-01</End>"
        '<Term termName="SuppressionLiftDate"><Event>2027-04-01</Event></Term></Transaction>'
    )
    (entry,) = read(avails_xml(deal))
    (row,) = read(avails_csv({**ROW, "SuppressionLiftDate": "2027-04-01"}))
    assert (entry.rights.grants, entry.rights.bars) == (row.rights.grants, row.rights.bars)
    assert entry.ids == (("alid", "md:alid:lighthouse:tide"), ("contentid", "md:cid:lighthouse:tide"))


def test_an_avail_without_a_transaction_is_offered_nowhere():
    (entry,) = read(avails_xml())
    assert (entry.ids[0], entry.rights.grants) == (("alid", "md:alid:lighthouse:tide"), ())


def test_an_avail_of_two_assets_and_one_of_one_of_them_are_not_mixed():
    deal = "<Transaction><Territory><country>{}</country></Territory><Start>Immediate</Start></Transaction>"
    both = f'<Avail><Asset contentID="a"/><Asset contentID="b"/>{deal.format("DE")}</Avail>'
    one = f'<Avail><Asset contentID="b"/>{deal.format("FR")}</Avail>'
    found = {entry.ids: entry.rights for entry in read(f"<AvailList>{both}{one}</AvailList>")}
    a_and_b, b = (("contentid", "a"), ("contentid", "b")), (("contentid", "b"),)
    assert [bool(found[a_and_b].windows(place)) for place in ("DE", "FR")] == [True, False]
    assert [bool(found[b].windows(place)) for place in ("DE", "FR")] == [False, True]


def test_titles_that_share_a_contract_are_not_mixed():
    columns = ("Territory", "WorkType", "LicenseType", "Start", "End", "ContractID", "EditID")
    rows = [{**ROW, "ContractID": "c", "EditID": edit} for edit in ("one", "two")]
    found = read(avails_xlsx(*({name: row[name] for name in columns} for row in rows), columns=columns))
    assert [entry.ids for entry in found] == [(("editid", "one"),), (("editid", "two"),)]


def test_conditions_of_xml_are_read():
    deal = (
        "<Transaction><LicenseType>EST</LicenseType><Territory><md:country>FR</md:country></Territory>"
        "<StartCondition>Immediate</StartCondition><EndCondition>Open</EndCondition></Transaction>"
    )
    assert read(avails_xml(deal))[0].rights.windows("FR") == ALWAYS


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"Start": ""}, "list.csv, row 3: Start '' is no time"),
        ({"Start": "ESTStart"}, "row 3: Start 'ESTStart' is no time"),
        ({"Territory": ""}, "row 3: Territory is empty"),
        ({"Territory": "Mars"}, "row 3: 'MARS' is neither"),
        ({"Territory": "ROW, DE"}, "ROW beside others"),
        ({"ContentID": ""}, "row 3: no identifier"),
    ],
)
def test_a_mistake_is_named_with_its_row_and_column(row, message):
    with pytest.raises(DataError, match=message):
        read(avails_csv({**ROW, **row}), "list.csv")


def test_a_text_that_a_spreadsheet_does_not_have_is_named():
    sheet = '<worksheet><sheetData><row r="1"><c r="A1" t="s"><v>7</v></c></row></sheetData></worksheet>'
    with pytest.raises(DataError, match="refers to the text '7'"):
        read(packed({"xl/worksheets/sheet1.xml": sheet}))


def test_a_document_of_another_format_than_named_is_refused():
    with pytest.raises(DataError, match="is a spreadsheet"):
        read_file(io.BytesIO(avails_csv(ROW).encode()), "list.csv", "onix")
