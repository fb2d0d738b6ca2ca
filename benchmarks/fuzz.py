"""Broken and hostile documents for every reader of other people's files: each is read or refused, soon.

A reader may answer with works or with a DataError (a pack with a ConfigError); anything else is a crash. Rights that
were read also have to give windows, and come back from JSON as they went.
"""

import io
import re
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.form import Options, result
from recsys.errors import ConfigError, DataError
from recsys.safety.load import PACKS, parse_policy
from recsys.safety.rights import decoded, encoded, read_file

BARS = "broken ONIX, Avails, DDEX documents and policy packs: no crash, none slower than 2 s"
SLOWEST = 2.0  # seconds that one document of this size may take
COUNT, QUICK = 20_000, 300  # documents a reader

_TEXT = re.compile(rb">[^<>]+<")
Edit = tuple[float, int, bytes]  # where (0–1), what, with what

TOKENS = (
    *(
        b"<!DOCTYPE a [<!ENTITY b 'cccccccc'>]>",
        b'<!DOCTYPE a SYSTEM "file:///etc/passwd">',
        b"&b;",
        b"&#0;",
        b"&#x110000;",
    ),
    *(b"<Product>", b"</Product>", b"<Deal><Deal>", b"<![CDATA[", b"]]>", b"<!--", b"<?xml encoding='utf-7'?>"),
    *(b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\xc3", "٣".encode(), "ſ".encode(), b"\r", b'"', b",", b";"),
    *(b"9" * 400, b"-1", b"1e309", b"nan", b"9999-12-31", b"0001-01-01", b"0000-00-00", b"2027-13-45T99:99:99+99:99"),
    *(b"9999-12-31T23:59:59-23:59", b"0001-01-01T00:00:00+23:59", b"99991231", b"2027-W01-1", b"999999"),
    *(b"WORLD", b"ROW", b"EU", b"US-PR", b"Worldwide", b"ZZ", b" ".join([b"DE"] * 500), b"A" * 70_000),
)

SAMPLES: Mapping[str, bytes] = {
    "onix": b"""<?xml version="1.0" encoding="UTF-8"?>
<ONIXMessage release="3.0"><Product><RecordReference>r1</RecordReference><NotificationType>03</NotificationType>
<ProductIdentifier><ProductIDType>15</ProductIDType><IDValue>9789999999991</IDValue></ProductIdentifier>
<PublishingDetail><PublishingStatus>04</PublishingStatus>
<PublishingDate><PublishingDateRole>02</PublishingDateRole><Date dateformat="00">20270301</Date></PublishingDate>
<SalesRights><SalesRightsType>01</SalesRightsType><Territory><RegionsIncluded>WORLD</RegionsIncluded>
<CountriesExcluded>US CA</CountriesExcluded></Territory>
<SalesRestriction><SalesRestrictionType>04</SalesRestrictionType><EndDate>20270601</EndDate></SalesRestriction>
</SalesRights><ROWSalesRightsType>03</ROWSalesRightsType></PublishingDetail>
<ProductSupply><Market><Territory><CountriesIncluded>GB IE</CountriesIncluded></Territory></Market>
<MarketPublishingDetail><MarketPublishingStatus>04</MarketPublishingStatus><MarketDate><MarketDateRole>02</MarketDateRole>
<Date>20270301T0900Z</Date></MarketDate></MarketPublishingDetail></ProductSupply></Product></ONIXMessage>
""",
    "ddex": b"""<?xml version="1.0" encoding="UTF-8"?>
<ern:NewReleaseMessage xmlns:ern="http://ddex.net/xml/ern/43"><ReleaseList><Release>
<ReleaseId><ICPN>4099999999990</ICPN></ReleaseId><ReleaseReference>R0</ReleaseReference></Release></ReleaseList>
<DealList><ReleaseDeal><DealReleaseReference>R0</DealReleaseReference>
<Deal><DealTerms><UseType>Stream</UseType><TerritoryCode>DE</TerritoryCode><TerritoryCode>US</TerritoryCode>
<ValidityPeriod><StartDate>2027-03-01</StartDate><EndDate>2027-03-31</EndDate></ValidityPeriod>
<ReleaseDisplayStartDateTime>2027-02-01T00:00:00Z</ReleaseDisplayStartDateTime></DealTerms></Deal>
<Deal><DealTerms><TakeDown>true</TakeDown><ExcludedTerritoryCode>FR</ExcludedTerritoryCode>
<ValidityPeriod><StartDateTime>2028-03-01T09:30:00</StartDateTime></ValidityPeriod></DealTerms></Deal>
</ReleaseDeal></DealList></ern:NewReleaseMessage>
""",
    "avails_xml": b"""<?xml version="1.0" encoding="UTF-8"?>
<AvailList><Avail><ALID>alid:1</ALID><Disposition><EntryType>Full</EntryType></Disposition><Asset contentID="cid:1"/>
<Transaction><LicenseType>SVOD</LicenseType><Territory><country>DE</country></Territory><Start>2027-03-01</Start>
<EndCondition>Open</EndCondition><Term termName="SuppressionLiftDate"><Event>2027-02-01</Event></Term></Transaction>
</Avail></AvailList>
""",
    "avails_csv": b"""Avail,Avail,Avail,Avail,Avail,Avail,Avail,Avail
Territory,TerritoryExclusion,WorkType,LicenseType,Start,End,ContentID,SuppressionLiftDate
DE,,Movie,SVOD,2027-03-01,2027-06-01,cid:1,2027-02-01
ROW,US,Movie,EST,Immediate,Open,cid:1,
""",
    "policy": (PACKS / "demo.toml").read_bytes(),
}


def unpacked(csv: bytes) -> dict[str, bytes]:
    """The parts of an XLSX file with the rows of a CSV."""
    cell = '<c t="inlineStr"><is><t>{}</t></is></c>'
    lines = ["".join(cell.format(text) for text in line.split(",")) for line in csv.decode().splitlines()]
    rows = "".join(f'<row r="{number}">{line}</row>' for number, line in enumerate(lines, 1))
    sheet = f"<worksheet><sheetData>{rows}</sheetData></worksheet>"
    return {"xl/sharedStrings.xml": b"<sst><si><t>a</t></si></sst>", "xl/worksheets/sheet1.xml": sheet.encode()}


def packed(parts: Mapping[str, bytes]) -> bytes:
    """A zip archive."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return file.getvalue()


def edited(sample: bytes, edits: Sequence[Edit]) -> bytes:
    """A sample with each edit done in turn: overwritten, put in, cut out, repeated, or one element's text replaced."""
    data = sample
    for where, what, token in edits:
        at = int(where * len(data))
        span = len(token) if len(token) < 1000 else 100
        match what % 5:
            case 0:
                data = data[:at] + token + data[at + span :]
            case 1:
                data = data[:at] + token + data[at:]
            case 2:
                data = data[:at] + data[at + span * 3 :]
            case 3:
                data = data[:at] + data[at : at + span * 10] * 3 + data[at:]
            case _:
                found = _TEXT.search(data, at)
                data = data[: found.start() + 1] + token + data[found.end() - 1 :] if found else data
    return data[:1_000_000]


def document(case: str, edits: Sequence[Edit]) -> bytes:
    """An edited sample. Of a spreadsheet the parts are edited before they are packed, and now and then the archive."""
    if case != "avails_xlsx":
        return edited(SAMPLES[case], edits)
    parts = {name: edited(data, edits[:-1]) for name, data in unpacked(SAMPLES["avails_csv"]).items()}
    return edited(packed(parts), edits[-1:] if len(edits) % 2 else [])


def attempt(case: str, data: bytes) -> str:
    """``read`` or ``refused``; what is neither is raised."""
    try:
        if case == "policy":
            parse_policy(data.decode("utf-8", "replace"))
            return "read"
        for entry in read_file(io.BytesIO(data), case):
            for territory in ("DE", "US", "ZZ", None):
                entry.rights.windows(territory)
            if decoded(encoded(entry.rights)) != entry.rights:
                raise AssertionError("rights do not come back from JSON")
    except (DataError, ConfigError):
        return "refused"
    return "read"


CASES = (*SAMPLES, "avails_xlsx")


def run(options: Options) -> dict[str, Any]:
    """Edit and read documents, the same ones on every run."""
    started = time.perf_counter()
    count = options.count or (QUICK if options.quick else COUNT)
    cases = CASES if options.case is None else (options.case,)
    details = {case: _fuzzed(case, count, np.random.default_rng(0)) for case in cases}
    for case, found in details.items():
        print(f"{case:12} {found['read']} read, {found['refused']} refused, {found['crashed']} crashed")
    settings = {"count": count, "seed": 0}
    return result("fuzz", [], details=details, settings=settings, seconds=time.perf_counter() - started)


def _fuzzed(case: str, count: int, rng: np.random.Generator) -> dict[str, Any]:
    outcomes: Counter[str] = Counter()
    slowest, crashes = 0.0, []
    for _ in range(count):
        data = document(case, _edits(rng))
        begin = time.process_time()
        try:
            outcomes[attempt(case, data)] += 1
        except Exception as error:  # noqa: BLE001 - this is what is looked for
            outcomes["crashed"] += 1
            crashes = [*crashes, repr(error)[:200]][:5]
        slowest = max(slowest, time.process_time() - begin)
    counts = {name: outcomes[name] for name in ("read", "refused", "crashed")}
    return {**counts, "crashes": crashes, "slowest_seconds": round(slowest, 3), "ok": not crashes and slowest < SLOWEST}


def _edits(rng: np.random.Generator) -> list[Edit]:
    draw: Callable[[], bytes] = lambda: (  # noqa: E731
        TOKENS[rng.integers(len(TOKENS))] if rng.random() < 0.7 else rng.bytes(int(rng.integers(1, 8)))
    )
    return [(float(rng.random()), int(rng.integers(5)), draw()) for _ in range(rng.integers(0, 5))]
