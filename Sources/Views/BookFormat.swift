/// What a piece of an encoded book holds; sections follow one another in this order. Values never change.
enum BookSection: UInt8, CaseIterable {
    case head = 1
    case subjects = 2
    case actors = 3
    case overflow = 4
    case streams = 5
    case appointments = 6
    case previous = 7
    case order = 8
    case stale = 9
    case itemsOfSubject = 10
    case itemsOfActor = 11
    case streamsOfSubject = 12
    case streamsOfCategory = 13
    case bookings = 14
    case patientsOfTerm = 15
    /// Since version 2.
    case rewinds = 16
    case rewoundStreams = 17

    /// Whether its rows are lists under keys.
    var holdsLists: Bool { (Self.itemsOfSubject.rawValue...Self.patientsOfTerm.rawValue).contains(rawValue) }

    /// The sections after the head that a version has.
    static func all(in version: UInt8) -> [BookSection] {
        allCases.dropFirst().filter { version > 1 || $0.rawValue <= patientsOfTerm.rawValue }
    }
}

/// Constants of the encoding of a book. A piece is the section's byte, then rows one after the other to its end.
enum BookFormat {
    /// Version 1 has no rewinds; version 2 does not say which streams are steady. Both are read still.
    static let versions: ClosedRange<UInt8> = 1...3
    static let version: UInt8 = 3

    /// A piece is closed once it is this long; a row or run adds less than 24 KiB.
    static let pieceBytes = 40_000

    static func zigzag(_ value: Int64) -> UInt64 { UInt64(bitPattern: (value << 1) ^ (value >> 63)) }

    static func unzigzag(_ code: UInt64) -> Int64 { Int64(bitPattern: code >> 1) ^ -Int64(bitPattern: code & 1) }

    /// A time in microseconds: whole minutes where it is, which it nearly always is for a booking. Low bit 1: minutes.
    static func time(_ microseconds: Int64) -> UInt64? {
        let minute: Int64 = 60_000_000
        let isMinutes = microseconds % minute == 0
        let code = zigzag(isMinutes ? microseconds / minute : microseconds)
        return code >> 63 == 0 ? code << 1 | (isMinutes ? 1 : 0) : nil
    }

    static func microseconds(_ code: UInt64) -> Int64 {
        let value = unzigzag(code >> 1)
        return code & 1 == 1 ? value &* 60_000_000 : value
    }

    /// References to lists of ordinals: 0 none, else the word + 1 doubled, with 1 for a list in the overflow.
    static func code(_ reference: ListReference) -> UInt64 {
        if reference == .none { return 0 }
        let several = reference.raw & ListReference.severalBit != 0
        return (UInt64(reference.raw & ~ListReference.severalBit) + 1) << 1 | (several ? 1 : 0)
    }
}
