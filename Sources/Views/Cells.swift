internal import Bytes
internal import Records

/// A stream as a book keeps it: 56 bytes.
struct StreamCell {
    var tag: UInt64
    var token: Token128
    var content: UInt64 = 0
    var first: UInt32
    var last: UInt32 = 0
    var version: UInt32 = 0
    /// Ordinals of its subjects.
    var subjects = ListReference.none
    /// Number of its appointment cell + 1; 0 on other streams.
    var appointment: UInt32 = 0
    var tenant: UInt16
    var category: Category
    /// State in the low bits, `steady` and `stale` above.
    private var flags: UInt8 = StreamState.live.rawValue | 0x40

    init(tag: UInt64, token: Token128, first: UInt32, tenant: UInt16, category: Category) {
        self.tag = tag
        self.token = token
        self.first = first
        self.tenant = tenant
        self.category = category
    }

    var state: StreamState {
        get { StreamState(rawValue: flags & 0x0f) ?? .gone }
        set { flags = (flags & 0xf0) | newValue.rawValue }
    }

    /// Whether it is known that the stream had the same subjects and was live at all times since it was made.
    var isSteady: Bool {
        get { flags & 0x40 != 0 }
        set { flags = newValue ? flags | 0x40 : flags & ~0x40 }
    }

    /// Whether the stream is in the list of patients whose terms are behind.
    var isStale: Bool {
        get { flags & 0x80 != 0 }
        set { flags = newValue ? flags | 0x80 : flags & 0x7f }
    }
}

/// An appointment's deciding facts: 28 bytes.
struct AppointmentCell {
    private var startLow: UInt32 = 0
    private var startHigh: UInt32 = 0
    private var endLow: UInt32 = 0
    private var endHigh: UInt32 = 0
    /// Ordinals of tokens, in the order of the resource.
    var practitioners = ListReference.none
    var locations = ListReference.none
    var status: AppointmentStatus
    /// 1 start, 2 end, 4 cancelation reason, 8 overlap allowed.
    var flags: UInt8 = 0

    init(status: AppointmentStatus) { self.status = status }

    var start: Instant? {
        get { flags & 1 == 0 ? nil : Self.instant(startLow, startHigh) }
        set {
            flags = newValue == nil ? flags & ~1 : flags | 1
            (startLow, startHigh) = Self.halves(newValue)
        }
    }

    var end: Instant? {
        get { flags & 2 == 0 ? nil : Self.instant(endLow, endHigh) }
        set {
            flags = newValue == nil ? flags & ~2 : flags | 2
            (endLow, endHigh) = Self.halves(newValue)
        }
    }

    var hasCancelationReason: Bool {
        get { flags & 4 != 0 }
        set { flags = newValue ? flags | 4 : flags & ~4 }
    }

    var allowsOverlap: Bool {
        get { flags & 8 != 0 }
        set { flags = newValue ? flags | 8 : flags & ~8 }
    }

    private static func instant(_ low: UInt32, _ high: UInt32) -> Instant {
        Instant(microseconds: Int64(bitPattern: UInt64(high) << 32 | UInt64(low)))
    }

    private static func halves(_ instant: Instant?) -> (UInt32, UInt32) {
        let bits = UInt64(bitPattern: instant?.microseconds ?? 0)
        return (UInt32(truncatingIfNeeded: bits), UInt32(truncatingIfNeeded: bits >> 32))
    }
}

/// A list of ordinals in 4 bytes: none, the one ordinal itself, or where several stand in `OverflowLists`.
struct ListReference: Equatable {
    var raw: UInt32

    static let none = ListReference(raw: .max)
    static let severalBit: UInt32 = 0x8000_0000
}

/// The rare lists of more than one ordinal, each as its count and its ordinals; what is replaced stays behind.
struct OverflowLists: Sendable {
    fileprivate(set) var words = ChunkedTable<UInt32>(shift: 12)

    mutating func reference(to list: [UInt32]) -> ListReference {
        if list.isEmpty { return .none }
        if list.count == 1 { return ListReference(raw: list[0]) }
        let at = UInt32(words.count)
        words.append(UInt32(list.count))
        for ordinal in list { words.append(ordinal) }
        return ListReference(raw: at | ListReference.severalBit)
    }

    func count(of reference: ListReference) -> Int {
        if reference == .none { return 0 }
        if reference.raw & ListReference.severalBit == 0 { return 1 }
        return Int(words[Int(reference.raw & ~ListReference.severalBit)])
    }

    /// - Precondition: `index` is below the list's count.
    func ordinal(_ index: Int, of reference: ListReference) -> UInt32 {
        if reference.raw & ListReference.severalBit == 0 { return reference.raw }
        return words[Int(reference.raw & ~ListReference.severalBit) + 1 + index]
    }
}

extension OverflowLists {
    /// Appends a word as it stood in a snapshot.
    mutating func take(_ word: UInt32) { words.append(word) }
}
