internal import Bytes
internal import Records

/// A search as bytes, for a cursor. Not a format of the store: a cursor lives for an hour.
enum SearchCodec {
    static func write(_ query: SearchQuery, onto writer: inout ByteWriter) {
        switch query.sort {
        case .none: writer.u8(0)
        case .date(let descending): writer.u8(descending ? 2 : 1)
        }
        writer.varint(query.parameters.count)
        for parameter in query.parameters { write(parameter, onto: &writer) }
    }

    static func read(_ reader: inout ByteReader, kind: ViewKind) throws(ByteError) -> SearchQuery {
        let sort: SearchSort
        switch try reader.u8() {
        case 0: sort = .none
        case 1: sort = .date(descending: false)
        case 2: sort = .date(descending: true)
        default: throw .malformed
        }
        var parameters: [SearchParameter] = []
        for _ in 0..<(try reader.count(atMost: reader.remaining)) { parameters.append(try parameter(&reader)) }
        return SearchQuery(kind: kind, parameters: parameters, sort: sort)
    }

    private static func write(_ parameter: SearchParameter, onto writer: inout ByteWriter) {
        switch parameter {
        case .id(let values): write(1, values, text, &writer)
        case .identifier(let values):
            write(
                2, values,
                { value, writer in
                    writer.u8(value.system == nil ? 0 : 1)
                    text(value.system ?? "", &writer)
                    text(value.value, &writer)
                }, &writer)
        case .name(let values): write(3, values, search, &writer)
        case .family(let values): write(4, values, search, &writer)
        case .given(let values): write(5, values, search, &writer)
        case .birthDate(let values): write(6, values, date, &writer)
        case .phone(let values): write(7, values, text, &writer)
        case .patient(let values): write(8, values, text, &writer)
        case .practitioner(let values): write(9, values, text, &writer)
        case .location(let values): write(10, values, text, &writer)
        case .actor(let values): write(11, values, text, &writer)
        case .status(let values): write(12, values, { $1.u8($0.rawValue) }, &writer)
        case .date(let values): write(13, values, date, &writer)
        case .agent(let values): write(14, values, text, &writer)
        case .action(let values): write(15, values, text, &writer)
        case .outcome(let values): write(16, values, { $1.u8($0.rawValue) }, &writer)
        }
    }

    private static func parameter(_ reader: inout ByteReader) throws(ByteError) -> SearchParameter {
        switch try reader.u8() {
        case 1: return .id(try values(&reader, text))
        case 2:
            return .identifier(
                try values(&reader) { reader throws(ByteError) in
                    let hasSystem = try reader.u8() == 1
                    let system = try text(&reader)
                    return IdentifierSearch(system: hasSystem ? system : nil, value: try text(&reader))
                })
        case 3: return .name(try values(&reader, search))
        case 4: return .family(try values(&reader, search))
        case 5: return .given(try values(&reader, search))
        case 6: return .birthDate(try values(&reader, date))
        case 7: return .phone(try values(&reader, text))
        case 8: return .patient(try values(&reader, text))
        case 9: return .practitioner(try values(&reader, text))
        case 10: return .location(try values(&reader, text))
        case 11: return .actor(try values(&reader, text))
        case 12:
            return .status(
                try values(&reader) { reader throws(ByteError) in
                    guard let status = AppointmentStatus(rawValue: try reader.u8()) else { throw .malformed }
                    return status
                })
        case 13: return .date(try values(&reader, date))
        case 14: return .agent(try values(&reader, text))
        case 15: return .action(try values(&reader, text))
        case 16:
            return .outcome(
                try values(&reader) { reader throws(ByteError) in
                    guard let outcome = AuditOutcome(rawValue: try reader.u8()) else { throw .malformed }
                    return outcome
                })
        default: throw .malformed
        }
    }

    private static func write<Value>(
        _ code: UInt8, _ values: [Value], _ one: (Value, inout ByteWriter) -> Void, _ writer: inout ByteWriter
    ) {
        writer.u8(code)
        writer.varint(values.count)
        for value in values { one(value, &writer) }
    }

    private static func values<Value>(
        _ reader: inout ByteReader, _ one: (inout ByteReader) throws(ByteError) -> Value
    ) throws(ByteError) -> [Value] {
        var values: [Value] = []
        for _ in 0..<(try reader.count(atMost: reader.remaining)) { values.append(try one(&reader)) }
        return values
    }

    private static func text(_ value: String, _ writer: inout ByteWriter) { writer.counted(Array(value.utf8)) }

    private static func text(_ reader: inout ByteReader) throws(ByteError) -> String {
        let count = try reader.count(atMost: reader.remaining)
        return String(decoding: try reader.array(count), as: UTF8.self)
    }

    private static func search(_ value: TextSearch, _ writer: inout ByteWriter) {
        switch value.mode {
        case .startsWith: writer.u8(0)
        case .exact: writer.u8(1)
        case .contains: writer.u8(2)
        }
        text(value.text, &writer)
    }

    private static func search(_ reader: inout ByteReader) throws(ByteError) -> TextSearch {
        let modes: [TextSearch.Mode] = [.startsWith, .exact, .contains]
        let mode = Int(try reader.u8())
        guard modes.indices.contains(mode) else { throw .malformed }
        return TextSearch(try text(&reader), mode: modes[mode])
    }

    private static func date(_ value: DateSearch, _ writer: inout ByteWriter) {
        writer.u8(UInt8(DateSearch.Comparison.allCases.firstIndex(of: value.comparison) ?? 0))
        writer.u64(UInt64(bitPattern: value.lower.microseconds))
        writer.u64(UInt64(bitPattern: value.upper.microseconds))
    }

    private static func date(_ reader: inout ByteReader) throws(ByteError) -> DateSearch {
        let comparisons = DateSearch.Comparison.allCases
        let comparison = Int(try reader.u8())
        guard comparisons.indices.contains(comparison) else { throw .malformed }
        return DateSearch(
            comparisons[comparison], from: Instant(microseconds: Int64(bitPattern: try reader.u64())),
            to: Instant(microseconds: Int64(bitPattern: try reader.u64())))
    }
}
