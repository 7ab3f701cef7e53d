internal import Bytes

/// The dictionaries of the format. A number, once released, means the same bytes for ever; better ones get new numbers.
package enum DictionaryID: UInt8, Sendable, CaseIterable {
    /// CloudEvents with FHIR R4 Patients, Appointments and Consents: 16 KiB.
    case events = 1
    /// Who, why and from where: headers of transactions and access records.
    case records = 2

    package var bytes: [UInt8] {
        switch self {
        case .events: EventsDictionary.bytes
        case .records: RecordsDictionary.bytes
        }
    }
}
