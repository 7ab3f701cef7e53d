internal import Bytes

/// Dictionary 2: what headers of transactions and values of access records say again and again. Texts stand as they
/// are written there, after twice their length as one byte. The order and every byte are part of the format.
enum RecordsDictionary {
    static let bytes: [UInt8] = {
        var writer = ByteWriter(reserving: 4096)
        for group in groups {
            for text in group {
                writer.varint(text.utf8.count * 2)
                writer.append(Array(text.utf8))
            }
        }
        // An address, replica 1, a UUID to follow: how nearly every value goes on after its names.
        for text in ["10.0.0.1", "192.168.1.10", "::1", "127.0.0.1"] {
            writer.varint(text.utf8.count * 2)
            writer.append(Array(text.utf8))
            writer.append([1, 36 * 2 + 1])
        }
        return writer.bytes
    }()

    private static let groups: [[String]] = [
        [
            "malformed-request", "bad-parameter", "unknown-parameter", "bad-json", "bad-event", "repeated-event",
            "bad-instant", "bad-position", "inside-transaction", "bad-cursor", "bad-purpose", "purpose-required",
            "forbidden", "not-found", "not-acceptable", "gone", "version-conflict", "double-booking", "event-reused",
            "partial-repeat", "still-running", "unknown-category", "reserved-type", "type-does-not-fit-subject",
            "invalid-resource", "invalid-status", "invalid-interval", "already-exists", "missing-stream",
            "two-subjects", "idempotency-key-reused",
        ],
        [
            "/v1/events?subject=patient/&type=patient.registered&after=0&limit=1000&order=asc",
            "/v1/events?subject=appointment/&type=appointment.booked&since=2026-01-01T00:00:00Z&until=2026-12-31",
            "/v1/cluster", "/fhir/Patient?family=&given=&birthdate=&identifier=&phone=&_count=50&_sort=family",
            "/fhir/Appointment?date=ge2026-01-01&date=lt2026-02-01&practitioner=Practitioner/pr-1&location=Location/",
            "/fhir/Appointment?patient=Patient/p-&status=booked,arrived,checked-in,fulfilled&_count=50",
            "/fhir/AuditEvent?patient=Patient/p-&agent=&date=ge2026-01-01T00:00:00Z&_count=100",
            "/fhir/Patient/p-/_history/1?asof=2026-01-01T00:00:00Z", "/fhir/Appointment/a-/_history?asof=",
        ],
        [
            "administrator", "practice-manager", "integration", "scheduler", "front-desk", "reception", "nurse",
            "doctor", "practitioner", "patient-portal", "billing", "records", "kiosk", "auditor", "backup", "default",
        ],
        [
            "HPAYMT", "HOPERAT", "HCOMPL", "HSYSADMIN", "HMARKT", "HRESCH", "PUBHLTH", "PATADMIN", "PATRQT", "FAMRQT",
            "CAREMGT", "COVERAGE", "BTG", "ETREAT", "TREAT",
        ],
    ]
}
