import Bytes
import Records

/// The parameters of a query or a form, decoded once, in the order they came.
///
/// Readers take what they know by name; what is left over at the end is unknown and refused, so that a misspelt
/// filter never widens an answer.
struct QueryParameters {
    struct Parameter {
        var name: String
        var value: String
        var isTaken = false
    }

    static let countMax = 200

    private var parameters: [Parameter] = []

    /// - Parameter isForm: `+` is a space, as in `application/x-www-form-urlencoded`; in a query it is itself.
    init(_ bytes: [UInt8], in range: Range<Int>, isForm: Bool) throws(Problem) {
        var first = range.lowerBound
        var at = first
        while at <= range.upperBound {
            if at == range.upperBound || bytes[at] == 0x26 {
                if at > first { try add(bytes, first..<at, isForm) }
                first = at + 1
            }
            at += 1
        }
    }

    init() {}

    private mutating func add(_ bytes: [UInt8], _ range: Range<Int>, _ isForm: Bool) throws(Problem) {
        let equals = bytes[range].firstIndex(of: 0x3d) ?? range.upperBound
        let valueStart = min(equals + 1, range.upperBound)
        guard let name = Percent.decoded(bytes, range.lowerBound..<equals, plusIsSpace: isForm),
            let value = Percent.decoded(bytes, valueStart..<range.upperBound, plusIsSpace: isForm),
            !name.isEmpty, !value.utf8.contains(0)
        else { throw Problem(.badParameter, "Percent-encode parameters as UTF-8.") }
        guard parameters.count < Self.countMax else {
            throw Problem(.badParameter, "Send fewer parameters.", [.limit(Self.countMax)])
        }
        parameters.append(Parameter(name: name, value: value))
    }

    mutating func append(contentsOf other: QueryParameters) { parameters += other.parameters }

    /// The value of a parameter that may stand once.
    mutating func single(_ name: String) throws(Problem) -> String? {
        let values = all(name)
        guard values.count <= 1 else { throw Problem(.badParameter, "Send this parameter once.", [.member(name)]) }
        return values.first
    }

    /// The values of a parameter that may be repeated.
    mutating func all(_ name: String) -> [String] {
        var values: [String] = []
        for index in parameters.indices where parameters[index].name == name {
            parameters[index].isTaken = true
            values.append(parameters[index].value)
        }
        return values
    }

    /// Names not taken yet, each once, in order.
    var left: [String] {
        var names: [String] = []
        for parameter in parameters where !parameter.isTaken && !names.contains(parameter.name) {
            names.append(parameter.name)
        }
        return names
    }

    /// The name is not repeated in the refusal: what was meant as a value may stand there.
    func refuseLeft() throws(Problem) {
        guard left.isEmpty else {
            throw Problem(.unknownParameter, "Leave out parameters that openapi.json does not list for this path.")
        }
    }
}

/// Typed values of parameters.
enum ParameterValues {
    static func position(_ text: String, _ name: String) throws(Problem) -> UInt64 {
        guard let position = Decimal.unsigned(text) else {
            throw Problem(.badPosition, "Give a position as decimal digits.", [.member(name)])
        }
        return position
    }

    static func instant(_ text: String, _ name: String) throws(Problem) -> Instant {
        do throws(Instant.Refusal) {
            return try Instant(text)
        } catch .withoutOffset {
            throw Problem(
                .badInstant, "Give an instant with its offset, such as 2026-11-21T10:00:00Z.", [.member(name)])
        } catch {
            throw Problem(
                .badInstant, "Give an instant after RFC 3339, such as 2026-11-21T10:00:00Z.", [.member(name)])
        }
    }

    /// An instant with offset, or a decimal position.
    static func asOf(_ text: String) throws(Problem) -> AsOf {
        if !text.isEmpty, text.utf8.allSatisfy(RequestLine.isDigit) { return .position(try position(text, "asof")) }
        return .instant(try instant(text, "asof"))
    }

    static func count(_ text: String, _ name: String, in range: ClosedRange<Int>) throws(Problem) -> Int {
        guard let number = Decimal.unsigned(text), number <= UInt64(Int.max), range.contains(Int(number)) else {
            throw Problem(
                .badParameter, "Give a whole number within the limits.", [.member(name), .limit(range.upperBound)])
        }
        return Int(number)
    }

    static func flag(_ text: String, _ name: String) throws(Problem) -> Bool {
        switch text {
        case "true": true
        case "false": false
        default: throw Problem(.badParameter, "Give true or false.", [.member(name)])
        }
    }
}
