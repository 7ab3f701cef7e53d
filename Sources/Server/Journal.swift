internal import Bytes
internal import JSON
internal import Linux
package import Records

/// What a server says of itself: one JSON line an event on standard error, which `start` puts into `replica-i/log`.
///
/// The sentence is a constant and what varies is a typed field; there is no field for text that came from outside, so
/// that no patient, stream, parameter or body can stand in a log.
package struct Journal: Sendable {
    package enum Level: String, Sendable {
        case info, warning, error
    }

    package enum Field: Sendable {
        case replica(Int)
        case port(Int)
        case process(Int32)
        case term(UInt64)
        case count(Int)
        case bytes(Int)
        case milliseconds(UInt64)
        case exitCode(Int32)
        case problem(ProblemKind)
        case index(UInt64)
        case position(UInt64)
        case segment(UInt64)
        case number(Int32)
        /// A sentence that stands in the source.
        case reason(StaticString)
    }

    private let replica: Int
    private let descriptor: Int32

    package init(replica: Int, descriptor: Int32 = 2) {
        self.replica = replica
        self.descriptor = descriptor
    }

    package func info(_ sentence: StaticString, _ fields: Field...) { write(.info, sentence, fields) }
    package func warning(_ sentence: StaticString, _ fields: Field...) { write(.warning, sentence, fields) }
    package func error(_ sentence: StaticString, _ fields: Field...) { write(.error, sentence, fields) }

    /// A problem with its typed fields.
    package func problem(_ sentence: StaticString, _ problem: Problem) {
        var fields: [Field] = [.problem(problem.kind)]
        for field in problem.fields {
            switch field {
            case .position(let value): fields.append(.position(value))
            case .index(let value): fields.append(.index(value))
            case .segment(let value): fields.append(.segment(value))
            case .conflicts, .eventIndex, .neighbours, .offset, .member, .limit, .retryAfterSeconds, .busy, .status,
                .allow:
                break
            }
        }
        write(.error, sentence, fields)
    }

    private func write(_ level: Level, _ sentence: StaticString, _ fields: [Field]) {
        var writer = JSONWriter()
        writer.object { object in
            object.member("time", LinuxClock.wall().text)
            object.member("level", level.rawValue)
            object.member("replica", replica)
            object.member("message", "\(sentence)")
            for field in fields { Self.write(field, to: &object) }
        }
        writer.endLine()
        Output.write(writer.bytes, to: descriptor)
    }

    private static func write(_ field: Field, to object: inout JSONWriter) {
        switch field {
        case .replica(let value): object.member("of_replica", value)
        case .port(let value): object.member("port", value)
        case .process(let value): object.member("process", value)
        case .term(let value): object.member("term", value)
        case .count(let value): object.member("count", value)
        case .bytes(let value): object.member("bytes", value)
        case .milliseconds(let value): object.member("milliseconds", value)
        case .exitCode(let value): object.member("exit_code", value)
        case .problem(let value): object.member("problem", value.rawValue)
        case .index(let value): object.member("index", value)
        case .position(let value): object.member("position", value)
        case .segment(let value): object.member("segment", value)
        case .number(let value): object.member("errno", value)
        case .reason(let value): object.member("reason", "\(value)")
        }
    }
}
