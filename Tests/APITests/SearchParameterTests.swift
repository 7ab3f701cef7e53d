import API
import Bytes
import Records
import Testing

struct SearchParameterTests {
    @Test func `strings, tokens and references are read as FHIR writes them`() {
        #expect(
            Asking.search("/fhir/Patient?family=Ok\\,afor,Smith&name:contains=ee&given:exact=Ada")?.parameters == [
                .name([TextSearch("ee", mode: .contains)]),
                .family([TextSearch("Ok,afor"), TextSearch("Smith")]),
                .given([TextSearch("Ada", mode: .exact)]),
            ])
        #expect(
            Asking.search("/fhir/Patient?identifier=urn:x|1,|2,3,a\\|b")?.parameters == [
                .identifier([
                    IdentifierSearch(system: "urn:x", value: "1"), IdentifierSearch(system: "", value: "2"),
                    IdentifierSearch(system: nil, value: "3"), IdentifierSearch(system: nil, value: "a|b"),
                ])
            ])
        #expect(
            Asking.search(
                "/fhir/Appointment?patient=Patient/p,q&practitioner=pr-7&actor=Location/l&status=noshow,booked")?
                .parameters == [
                    .patient(["p", "q"]), .practitioner(["Practitioner/pr-7"]), .actor(["Location/l"]),
                    .status([.noShow, .booked]),
                ])
        #expect(
            Asking.search(
                "/fhir/AuditEvent?patient=https://x/fhir/Patient/p&agent=Practitioner/pr-7&action=R&outcome=8,12")?
                .parameters == [
                    .patient(["p"]), .agent(["Practitioner/pr-7"]), .action(["R"]),
                    .outcome([.seriousFailure, .majorFailure]),
                ])
    }

    @Test func `repetition is AND and stays apart`() throws {
        let query = Asking.search("/fhir/Appointment?date=ge2026-01-05&date=lt2026-01-06&_sort=-date&_count=5000")
        let (fifth, sixth, seventh) = (
            try Instant("2026-01-05T00:00:00Z"), try Instant("2026-01-06T00:00:00Z"),
            try Instant("2026-01-07T00:00:00Z")
        )
        #expect(
            query?.parameters == [
                .date([DateSearch(.ge, from: fifth, to: sixth)]), .date([DateSearch(.lt, from: sixth, to: seventh)]),
            ])
        #expect(query?.sort == .date(descending: true))
        #expect(query?.page.count == 1000)
    }

    @Test(arguments: [
        ("2026", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"),
        ("2026-12", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"),
        ("2024-02-29", "2024-02-29T00:00:00Z", "2024-03-01T00:00:00Z"),
        ("2026-01-05T10:30+02:00", "2026-01-05T08:30:00Z", "2026-01-05T08:31:00Z"),
        ("2026-01-05T10:30:15Z", "2026-01-05T10:30:15Z", "2026-01-05T10:30:16Z"),
        ("2026-01-05T10:30:15.12Z", "2026-01-05T10:30:15.12Z", "2026-01-05T10:30:15.13Z"),
        ("2026-01-05T10:30:15.1234567Z", "2026-01-05T10:30:15.123456Z", "2026-01-05T10:30:15.123457Z"),
    ])
    func `a date spans what its precision leaves open`(_ text: String, _ lower: String, _ upper: String) throws {
        #expect(
            Asking.search("/fhir/Appointment?date=" + text)?.parameters == [
                .date([DateSearch(.eq, from: try Instant(lower), to: try Instant(upper))])
            ])
    }

    @Test(arguments: [
        ("/fhir/Appointment?date=2026-01-05T10:30", ProblemKind.badInstant),
        ("/fhir/Appointment?date=2026-01-05T10:30:00", .badInstant),
        ("/fhir/Appointment?date=2026-01-05T10", .badInstant),
        ("/fhir/Appointment?date=2023-02-29", .badInstant), ("/fhir/Appointment?date=26", .badInstant),
        ("/fhir/Appointment?date=ap2026", .badParameter), ("/fhir/Appointment?date=2026-13", .badInstant),
        ("/fhir/Patient?birthdate=1984-02-29T10:00:00Z", .badInstant), ("/fhir/Patient?family=", .badParameter),
        ("/fhir/Patient?family=a,,b", .badParameter), ("/fhir/Patient?identifier=urn:x|", .badParameter),
        ("/fhir/Patient?phone=abc", .badParameter), ("/fhir/Patient?_id=a/b", .badParameter),
        ("/fhir/Appointment?actor=pr-7", .badParameter), ("/fhir/Appointment?practitioner=Patient/p", .badParameter),
        ("/fhir/Appointment?status=done", .badParameter), ("/fhir/AuditEvent?outcome=1", .badParameter),
        ("/fhir/AuditEvent?action=X", .badParameter), ("/fhir/Patient?_sort=date", .badParameter),
        ("/fhir/Patient?_count=x", .badParameter), ("/fhir/Patient?_format=xml", .notAcceptable),
        ("/fhir/Patient?gender=female", .unknownParameter), ("/fhir/Patient?family:missing=true", .unknownParameter),
        ("/fhir/Patient/p?family=x", .unknownParameter), ("/fhir/Patient/p/_history?_since=2026", .unknownParameter),
        ("/fhir/Patient?_cursor=x&family=y", .badCursor), ("/fhir/Patient?_cursor=", .badCursor),
        ("/fhir/Patient/p?asof=2026-01-01T00:00:00", .badInstant),
    ])
    func `what cannot be meant is refused`(_ target: String, _ kind: ProblemKind) {
        #expect(Asking.refusal("GET " + target) == kind)
    }

    @Test func `lenient handling passes over what is unknown, and only that`() {
        let lenient = ["Prefer: handling=lenient"]
        #expect(
            Asking.search("/fhir/Patient?gender=female&family=a", lenient)?.parameters == [.family([TextSearch("a")])])
        #expect(Asking.refusal("GET /fhir/Patient?_count=x", lenient) == .badParameter)
    }

    @Test func `a form is searched by as a query is, its plus signs spaces`() {
        let form = ["Content-Type: application/x-www-form-urlencoded"]
        let inquiry = Asking.inquiry("POST /fhir/Patient/_search?_count=2", form, "name=de+la&family=a%2Bb")
        guard case .search(let query) = inquiry?.ask.request else {
            Issue.record("the form was refused")
            return
        }
        #expect(query.parameters == [.name([TextSearch("de la")]), .family([TextSearch("a+b")])])
        #expect(query.page.count == 2)
        #expect(
            Asking.refusal("POST /fhir/Patient/_search", ["Content-Type: text/plain"], "a=b") == .unsupportedMediaType)
        #expect(Asking.refusal("POST /fhir/Patient/_search?_count=1", form, "_count=2") == .badParameter)
    }

    @Test func `reads, versions and histories say as of when`() throws {
        guard case .read(.patient, "p", let asOf) = Asking.got("/fhir/Patient/p?asof=2026-01-01T00:00:00%2B01:00"),
            case .history(.appointment, "a", .position(7), let page) = Asking.got(
                "/fhir/Appointment/a/_history?asof=7&_count=3&_cursor=xyz"),
            case .readVersion(.auditEvent, "e-1", 1, nil) = Asking.got("/fhir/AuditEvent/e-1/_history/1"),
            case .readVersion(.patient, "p", 2, .position(7)) = Asking.got("/fhir/Patient/p/_history/2?asof=7")
        else {
            Issue.record("a read was refused")
            return
        }
        #expect(asOf == .instant(try Instant("2025-12-31T23:00:00Z")))
        #expect(page == PageRequest(count: 3, cursor: "xyz"))
    }
}
