/// A history written down as text, one operation or logged event a line, so that what clients of real processes were told
/// is judged by the check that judges the worlds:
///
///     event  NUMBER STREAM VERSION STAMP
///     append CLIENT BEGUN ENDED COUNT (NUMBER STREAM EXPECTED)… done (VERSION POSITION STAMP)…
///     append CLIENT BEGUN ENDED COUNT (NUMBER STREAM EXPECTED)… conflicts (STREAM EXPECTED ACTUAL)…
///     append CLIENT BEGUN ENDED COUNT (NUMBER STREAM EXPECTED)… unknown
///     look   CLIENT BEGUN ENDED STREAM shown VERSION STAMP POSITION
///     look   CLIENT BEGUN ENDED STREAM missing
///     scan   CLIENT BEGUN ENDED STREAM AFTER STAND THROUGH (NUMBER VERSION POSITION STAMP)…
///
/// Fields are separated by one space. Events stand in the order of the log, from position 1 on; `-` is no expectation, no
/// stream (all events) or no end (the answer broke off). Times are microseconds of one clock, stamps microseconds since
/// 1970. Streams and events are numbers that whoever wrote it down gave them.
package struct HistoryText: Sendable {
    package private(set) var history = History()
    package private(set) var log: [LoggedEvent] = []

    /// - Throws: the number of the first line that cannot be read.
    package init(_ bytes: [UInt8]) throws(BadLine) {
        var number = 0
        var start = 0
        while start < bytes.count {
            let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
            number += 1
            guard end == start || take(Fields(bytes[start..<end])) else { throw BadLine(number: number) }
            start = end + 1
        }
    }

    /// Lines count from 1.
    package struct BadLine: Error, Equatable, Sendable {
        package var number: Int

        package init(number: Int) { self.number = number }
    }

    private mutating func take(_ line: Fields) -> Bool {
        var fields = line
        guard let kind = fields.word() else { return false }
        if kind == "event" {
            guard let event = fields.number(), let stream = fields.number(), let version = fields.number(),
                let stamp = fields.number(), fields.isOver, stream < 1 << 32
            else { return false }
            log.append(LoggedEvent(event: event, stream: Int(stream), version: version, stamp: Int64(stamp)))
            return true
        }
        guard let client = fields.number(), let begun = fields.number(), let ended = fields.number() else {
            return false
        }
        let answer: (call: HistoryOperation.Call, outcome: HistoryOperation.Outcome)?
        switch kind {
        case "append": answer = Self.append(&fields)
        case "look": answer = Self.look(&fields)
        case "scan": answer = Self.scan(&fields)
        default: answer = nil
        }
        guard let answer, fields.isOver else { return false }
        history.operations.append(
            HistoryOperation(
                client: Int(client), invoked: begun, completed: ended, call: answer.call, outcome: answer.outcome))
        return true
    }

    private static func append(
        _ fields: inout Fields
    ) -> (HistoryOperation.Call, HistoryOperation.Outcome)? {
        guard let count = fields.number(), count > 0, count < 1 << 16 else { return nil }
        var sent: [SentEvent] = []
        for _ in 0..<count {
            guard let event = fields.number(), let stream = fields.number(), let expected = fields.numberOrNone() else {
                return nil
            }
            sent.append(SentEvent(event: event, stream: Int(stream), expected: expected.value, begins: .whenMissing))
        }
        switch fields.word() {
        case "unknown": return (.append(sent), .unknown)
        case "done":
            var standings: [Standing] = []
            for one in sent {
                guard let version = fields.number(), let position = fields.number(), let stamp = fields.number() else {
                    return nil
                }
                standings.append(
                    Standing(event: one.event, version: version, position: position, stamp: Int64(stamp)))
            }
            return (.append(sent), .appended(standings, again: false))
        case "conflicts":
            var conflicts: [Refusal.Conflict] = []
            while !fields.isOver {
                guard let stream = fields.number(), let expected = fields.number(), let actual = fields.number() else {
                    return nil
                }
                conflicts.append(Refusal.Conflict(stream: Int(stream), expected: expected, actual: actual))
            }
            return (.append(sent), .refused(.conflicts(conflicts)))
        default: return nil
        }
    }

    private static func look(_ fields: inout Fields) -> (HistoryOperation.Call, HistoryOperation.Outcome)? {
        guard let stream = fields.number() else { return nil }
        switch fields.word() {
        case "missing": return (.look(stream: Int(stream), asOf: nil), .missing)
        case "shown":
            guard let version = fields.number(), let stamp = fields.number(), let position = fields.number() else {
                return nil
            }
            return (
                .look(stream: Int(stream), asOf: nil),
                .shown(version: version, stamp: Int64(stamp), position: position, words: nil)
            )
        default: return nil
        }
    }

    private static func scan(_ fields: inout Fields) -> (HistoryOperation.Call, HistoryOperation.Outcome)? {
        guard let stream = fields.numberOrNone(), let after = fields.number(), let stand = fields.number(),
            let through = fields.numberOrNone()
        else { return nil }
        var scan = Scan()
        scan.firstStand = stand
        scan.lastStand = stand
        scan.through = through.value
        while !fields.isOver {
            guard let event = fields.number(), let version = fields.number(), let position = fields.number(),
                let stamp = fields.number()
            else { return nil }
            scan.shown.append(
                .event(Standing(event: event, version: version, position: position, stamp: Int64(stamp))))
        }
        return (.scan(stream: stream.value.map { Int($0) }, after: after, asOf: nil), .scanned(scan))
    }
}

/// The fields of one line.
private struct Fields {
    private var rest: ArraySlice<UInt8>

    init(_ line: ArraySlice<UInt8>) { rest = line }

    var isOver: Bool { rest.isEmpty }

    mutating func word() -> String? {
        let field = next()
        return field.isEmpty ? nil : String(decoding: field, as: UTF8.self)
    }

    /// A number below 2^62.
    mutating func number() -> UInt64? { Self.number(next()) }

    /// `-`, or a number.
    mutating func numberOrNone() -> (value: UInt64?, Void)? {
        let field = next()
        if field.count == 1, field.first == UInt8(ascii: "-") { return (nil, ()) }
        return Self.number(field).map { ($0, ()) }
    }

    private mutating func next() -> ArraySlice<UInt8> {
        let end = rest.firstIndex(of: UInt8(ascii: " ")) ?? rest.endIndex
        defer { rest = rest[min(end + 1, rest.endIndex)...] }
        return rest[..<end]
    }

    private static func number(_ field: ArraySlice<UInt8>) -> UInt64? {
        guard !field.isEmpty, field.count < 19 else { return nil }
        var value: UInt64 = 0
        for byte in field {
            guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
            value = value * 10 + UInt64(byte - UInt8(ascii: "0"))
        }
        return value < 1 << 62 ? value : nil
    }
}
