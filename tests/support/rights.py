"""Rights documents about works that do not exist, in the forms of the real standards."""

import io
import zipfile
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

from recsys.safety.rights import Entry, read_file

ONIX = "http://ns.editeur.org/onix/3.0/reference"
COLUMNS = (
    *("DisplayName", "Territory", "WorkType", "EntryType", "TitleInternalAlias", "LicenseType"),
    *("FormatProfile", "Start", "End", "ContentID", "ALID", "SuppressionLiftDate", "TerritoryExclusion"),
)


def read(document: str | bytes, name: str = "document") -> list[Entry]:
    """The works of a document."""
    data = document.encode() if isinstance(document, str) else document
    return list(read_file(io.BytesIO(data), name))


def onix(
    rights: str = "", *, supply: str = "", dates: str = "", status: str = "04", isbn: str = "9789999999991"
) -> str:
    """An ONIX 3.0 message of one book, in reference names; ``rights`` and ``dates`` lie in its publishing detail."""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<ONIXMessage release="3.0" xmlns="{ONIX}">\n'
        "<Header><Sender><SenderName>Lighthouse Books</SenderName></Sender></Header>\n"
        "<Product><RecordReference>lighthouse.1</RecordReference><NotificationType>03</NotificationType>\n"
        f"<ProductIdentifier><ProductIDType>15</ProductIDType><IDValue>{isbn}</IDValue></ProductIdentifier>\n"
        f"<PublishingDetail><PublishingStatus>{status}</PublishingStatus>\n{dates}\n{rights}</PublishingDetail>\n"
        f"{supply}</Product>\n</ONIXMessage>\n"
    )


def sales(kind: str, **territory: str) -> str:
    """A SalesRights composite; the keywords are the elements of its Territory."""
    inside = "".join(f"<{name}>{value}</{name}>" for name, value in territory.items())
    return f"<SalesRights><SalesRightsType>{kind}</SalesRightsType><Territory>{inside}</Territory></SalesRights>"


def ern(*deals: str, version: str = "43", releases: Sequence[tuple[str, str]] = (("R0", "ICPN:4099999999990"),)) -> str:
    """A NewReleaseMessage whose deals are all about its first release."""
    listed = "".join(
        f"<Release><ReleaseId><{scheme}>{value}</{scheme}></ReleaseId>"
        f"<ReleaseReference>{reference}</ReleaseReference></Release>"
        for reference, identifier in releases
        for scheme, value in [identifier.split(":")]
    )
    offered = "".join(f"<Deal><DealTerms>{deal}</DealTerms></Deal>" for deal in deals)
    about = f"<DealReleaseReference>{releases[0][0]}</DealReleaseReference>"
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<ern:NewReleaseMessage xmlns:ern="http://ddex.net/xml/ern/{version}">\n'
        f"<ReleaseList>{listed}</ReleaseList>\n"
        f"<DealList><ReleaseDeal>{about}{offered}</ReleaseDeal></DealList>\n</ern:NewReleaseMessage>\n"
    )


def avails_csv(*rows: Mapping[str, str]) -> str:
    """An Avails list as CSV, with the row of groups above the names as the template has it."""
    lines = [",".join(["Avail"] * len(COLUMNS)), ",".join(COLUMNS)]
    return "\n".join([*lines, *(",".join(f'"{row.get(name, "")}"' for name in COLUMNS) for row in rows)]) + "\n"


def avails_xlsx(*rows: Mapping[str, str], columns: Sequence[str] = COLUMNS) -> bytes:
    """The same as XLSX, with texts as spreadsheets keep them: names shared, cells inline, numbers as numbers."""
    shared = "".join(f"<si><t>{escape(name)}</t></si>" for name in columns)
    names = "".join(f'<c r="{_letter(at)}1" t="s"><v>{at}</v></c>' for at in range(len(columns)))
    lines = [f'<row r="1">{names}</row>']
    for number, row in enumerate(rows, 2):
        cells = [
            f'<c r="{_letter(at)}{number}"><v>{row[name]}</v></c>'
            if row[name].isdigit()
            else f'<c r="{_letter(at)}{number}" t="inlineStr"><is><t>{escape(row[name])}</t></is></c>'
            for at, name in enumerate(columns)
            if name in row
        ]
        lines.append(f'<row r="{number}">{"".join(cells)}</row>')
    sheet = f"<worksheet><sheetData>{''.join(lines)}</sheetData></worksheet>"
    return packed({"xl/sharedStrings.xml": f"<sst>{shared}</sst>", "xl/worksheets/sheet1.xml": sheet})


def avails_xml(*transactions: str, alid: str = "md:alid:lighthouse:tide") -> str:
    """An AvailList of one title."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<avails:AvailList xmlns:avails="http://www.movielabs.com/schema/avails/v2.5/avails" '
        'xmlns:md="http://www.movielabs.com/schema/md/v2.9/md">\n'
        f"<avails:Avail><avails:ALID>{alid}</avails:ALID>"
        "<avails:Disposition><avails:EntryType>Full</avails:EntryType></avails:Disposition>"
        f'<avails:Asset contentID="md:cid:lighthouse:tide"/>{"".join(transactions)}</avails:Avail>\n'
        "</avails:AvailList>\n"
    )


def packed(parts: Mapping[str, str]) -> bytes:
    """A zip archive."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return file.getvalue()


def _letter(column: int) -> str:
    return chr(ord("A") + column)
