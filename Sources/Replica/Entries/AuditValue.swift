internal import Bytes
internal import Records

/// What is sealed under the audit key about a transaction or a record: who, for whom, why, from where, and for a
/// record what was asked and shown. Streams are named by their tags, so that erasure reaches them.
struct AuditValue: Equatable {
    struct Shown: Equatable {
        var stream: UInt64
        var version: UInt32
    }

    var credential = ""
    var name = ""
    var behalf: String?
    var purpose: String?
    var address = ""
    var replica = 0
    var requestID = ""
    var traceParent: String?
    var idempotencyKey: String?
    /// The problem's NAME when it was refused.
    var outcomeName: String?
    /// A query as it was asked.
    var query: String?
    var count: Int?
    var range: ClosedRange<UInt64>?
    /// Streams and versions shown.
    var shown: [Shown] = []

    private struct Fields: OptionSet {
        let rawValue: UInt64

        static let behalf = Fields(rawValue: 1)
        static let purpose = Fields(rawValue: 2)
        static let traceParent = Fields(rawValue: 4)
        static let idempotencyKey = Fields(rawValue: 8)
        static let outcomeName = Fields(rawValue: 16)
        static let query = Fields(rawValue: 32)
        static let count = Fields(rawValue: 64)
        static let range = Fields(rawValue: 128)
        static let shown = Fields(rawValue: 256)
        static let all = Fields(rawValue: 511)
    }

    private var fields: Fields {
        var fields: Fields = []
        if behalf != nil { fields.insert(.behalf) }
        if purpose != nil { fields.insert(.purpose) }
        if traceParent != nil { fields.insert(.traceParent) }
        if idempotencyKey != nil { fields.insert(.idempotencyKey) }
        if outcomeName != nil { fields.insert(.outcomeName) }
        if query != nil { fields.insert(.query) }
        if count != nil { fields.insert(.count) }
        if range != nil { fields.insert(.range) }
        if !shown.isEmpty { fields.insert(.shown) }
        return fields
    }

    init() {}

    func write(onto writer: inout ByteWriter) {
        writer.varint(fields.rawValue)
        PackedText.write(credential, onto: &writer)
        PackedText.write(name, onto: &writer)
        PackedText.write(address, onto: &writer)
        writer.varint(replica)
        PackedText.write(requestID, onto: &writer)
        if let behalf { PackedText.write(behalf, onto: &writer) }
        if let purpose { PackedText.write(purpose, onto: &writer) }
        if let traceParent { PackedText.write(traceParent, onto: &writer) }
        if let idempotencyKey { PackedText.write(idempotencyKey, onto: &writer) }
        if let outcomeName { PackedText.write(outcomeName, onto: &writer) }
        if let query { PackedText.write(query, onto: &writer) }
        if let count { writer.varint(count) }
        if let range {
            writer.varint(range.lowerBound)
            writer.varint(range.upperBound - range.lowerBound)
        }
        if !shown.isEmpty {
            writer.varint(shown.count)
            for one in shown {
                writer.u64(one.stream)
                writer.varint(UInt64(one.version))
            }
        }
    }

    init(_ bytes: [UInt8]) throws(ByteError) {
        var reader = ByteReader(bytes)
        let fields = Fields(rawValue: try reader.varint())
        guard fields.isSubset(of: .all) else { throw .malformed }
        credential = try PackedText.read(&reader)
        name = try PackedText.read(&reader)
        address = try PackedText.read(&reader)
        replica = try reader.count(atMost: Int(Int32.max))
        requestID = try PackedText.read(&reader)
        if fields.contains(.behalf) { behalf = try PackedText.read(&reader) }
        if fields.contains(.purpose) { purpose = try PackedText.read(&reader) }
        if fields.contains(.traceParent) { traceParent = try PackedText.read(&reader) }
        if fields.contains(.idempotencyKey) { idempotencyKey = try PackedText.read(&reader) }
        if fields.contains(.outcomeName) { outcomeName = try PackedText.read(&reader) }
        if fields.contains(.query) { query = try PackedText.read(&reader) }
        if fields.contains(.count) { count = try reader.count(atMost: Int.max) }
        if fields.contains(.range) {
            let lower = try reader.varint()
            let (upper, overflow) = lower.addingReportingOverflow(try reader.varint())
            guard !overflow else { throw .malformed }
            range = lower...upper
        }
        if fields.contains(.shown) {
            let count = try reader.count(atMost: reader.remaining / 9)
            for _ in 0..<count {
                let stream = try reader.u64()
                shown.append(Shown(stream: stream, version: UInt32(try reader.count(atMost: Int(UInt32.max)))))
            }
        }
        guard reader.isAtEnd else { throw .malformed }
    }
}

/// Text in few bytes: runs of lower-case hexadecimal digits, as in UUIDs and traceparents, take half their room.
///
/// A varint `length · 2 + form`, length in characters or bytes of UTF-8. Form 0: the bytes. Form 1: a UUID or
/// traceparent, whose dashes stand at known places, as the bytes its digits spell.
enum PackedText {
    private static let uuidDashes = [8, 13, 18, 23]
    private static let traceDashes = [2, 35, 52]

    static func write(_ text: String, onto writer: inout ByteWriter) {
        let bytes = Array(text.utf8)
        if let packed = packed(bytes) {
            writer.varint(bytes.count * 2 + 1)
            writer.append(packed)
        } else {
            writer.varint(bytes.count * 2)
            writer.append(bytes)
        }
    }

    static func read(_ reader: inout ByteReader) throws(ByteError) -> String {
        let word = try reader.count(atMost: 1 << 21)
        let length = word >> 1
        guard word & 1 == 1 else { return String(decoding: try reader.array(length), as: UTF8.self) }
        guard let dashes = dashes(length) else { throw .malformed }
        let digits = Array(Hex.text(of: try reader.array((length - dashes.count) / 2)).utf8)
        var text: [UInt8] = []
        text.reserveCapacity(length)
        var from = 0
        for at in 0..<length {
            if dashes.contains(at) {
                text.append(0x2d)
            } else {
                text.append(digits[from])
                from += 1
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    private static func dashes(_ length: Int) -> [Int]? {
        switch length {
        case 36: uuidDashes
        case 55: traceDashes
        default: nil
        }
    }

    private static func packed(_ bytes: [UInt8]) -> [UInt8]? {
        guard let dashes = dashes(bytes.count) else { return nil }
        var packed: [UInt8] = []
        packed.reserveCapacity(bytes.count / 2)
        var high: UInt8?
        for (at, byte) in bytes.enumerated() {
            if dashes.contains(at) {
                guard byte == 0x2d else { return nil }
                continue
            }
            let digit: UInt8
            switch byte {
            case 0x30...0x39: digit = byte - 0x30
            case 0x61...0x66: digit = byte - 0x57
            default: return nil
            }
            if let first = high {
                packed.append(first << 4 | digit)
                high = nil
            } else {
                high = digit
            }
        }
        return high == nil ? packed : nil
    }
}
