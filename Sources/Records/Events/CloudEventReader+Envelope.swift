import Bytes
import JSON

/// The context attributes of one event in the JSON event format, as far as they can be checked alone.
struct Envelope {
    private(set) var id = ""
    private(set) var source = ""
    private(set) var type = ""
    private(set) var subject = ""
    private(set) var expectedVersion: UInt64?
    private(set) var allowsOverlap = false
    private(set) var contentType: MediaType?
    private(set) var data: JSONNode?
    private(set) var hasBase64 = false
    /// The name of the member `data`, and that of `expectedversion`, which is not stored.
    private(set) var dataName: JSONNode?
    private(set) var cut: JSONNode?
    private var hasVersion = false

    /// - Throws: `badEvent`, `serverAttribute`.
    init(_ text: JSONText) throws(Problem) {
        guard text.kind(of: text.root) == .object else {
            throw Problem(.badEvent, "Send each event as a JSON object.")
        }
        for (name, value) in text.members(of: text.root) { try take(name, value, text) }
        try requireAll()
    }

    private mutating func take(_ name: JSONNode, _ value: JSONNode, _ text: JSONText) throws(Problem) {
        if text.isName(name, Keys.specversion) {
            guard text.equals(value, "1.0") else { throw Self.bad("This is CloudEvents 1.0.", "specversion") }
            hasVersion = true
        } else if text.isName(name, Keys.id) {
            id = try Self.string(value, text, "id", bytesMax: 1024)
        } else if text.isName(name, Keys.source) {
            source = try Self.string(value, text, "source", bytesMax: 2048)
            guard URIReference.isWellFormed(source) else { throw Self.bad("Give a URI reference.", "source") }
        } else if text.isName(name, Keys.type) {
            type = try Self.string(value, text, "type", bytesMax: 1024)
        } else if text.isName(name, Keys.subject) {
            subject = try Self.string(value, text, "subject", bytesMax: 1024)
        } else if text.isName(name, Keys.data) {
            dataName = name
            data = text.isNull(value) ? nil : value
        } else if text.isName(name, Keys.dataBase64) {
            try takeBase64(value, text)
        } else if text.isName(name, Keys.datacontenttype) {
            guard !text.isNull(value) else { return }
            if let known = MediaType.usual.first(where: { text.equals(value, $0.essence) }) {
                contentType = known
                return
            }
            contentType = MediaType(try Self.string(value, text, "datacontenttype", bytesMax: 256))
            guard contentType != nil else { throw Self.bad("Give a media type.", "datacontenttype") }
        } else if text.isName(name, Keys.time) {
            try Self.checkTime(value, text)
        } else if text.isName(name, Keys.dataschema) {
            guard !text.isNull(value) else { return }
            guard URIReference.isAbsolute(try Self.string(value, text, "dataschema", bytesMax: 2048)) else {
                throw Self.bad("Give an absolute URI.", "dataschema")
            }
        } else if text.isName(name, Keys.expectedversion) {
            cut = name
            expectedVersion = try Self.version(value, text)
        } else if text.isName(name, Keys.allowoverlap) {
            allowsOverlap = try Self.flag(value, text)
        } else {
            try Self.checkExtension(name, value, text)
        }
    }

    private func requireAll() throws(Problem) {
        guard hasVersion else { throw Self.bad("Say which version of CloudEvents it is.", "specversion") }
        for (value, name) in [(id, "id"), (source, "source"), (type, "type"), (subject, "subject")]
        where value.isEmpty {
            throw Self.bad("This attribute is required.", name)
        }
        guard dataName == nil || !hasBase64 else {
            throw Self.bad("Send data or data_base64, not both.", "data_base64")
        }
    }

    private mutating func takeBase64(_ value: JSONNode, _ text: JSONText) throws(Problem) {
        guard !text.isNull(value) else { return }
        guard let bytes = text.stringBytes(value), Base64.bytes(of: bytes) != nil else {
            throw Self.bad("Encode the data in base64 (RFC 4648 section 4).", "data_base64")
        }
        hasBase64 = true
    }

    /// A non-empty string without control characters and noncharacters.
    private static func string(
        _ value: JSONNode, _ text: JSONText, _ name: String, bytesMax: Int
    ) throws(Problem) -> String {
        guard let string = text.string(value), !string.isEmpty else {
            throw bad("Give a string that is not empty.", name)
        }
        guard string.utf8.count <= bytesMax else { throw bad("This attribute is too long.", name) }
        guard areAllowed(string) else { throw bad("Attributes hold no control characters.", name) }
        return string
    }

    /// CloudEvents 1.0 section 3.1, type String.
    private static func areAllowed(_ string: String) -> Bool {
        if string.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7f }) { return true }
        return string.unicodeScalars.allSatisfy { scalar in
            switch scalar.value {
            case 0x00...0x1f, 0x7f...0x9f, 0xfdd0...0xfdef: false
            default: scalar.value & 0xfffe != 0xfffe
            }
        }
    }

    private static func checkTime(_ value: JSONNode, _ text: JSONText) throws(Problem) {
        guard !text.isNull(value) else { return }
        guard let bytes = text.stringBytes(value) else { throw bad("Give an RFC 3339 date-time.", "time") }
        do {
            _ = try Instant(bytes)
        } catch {
            switch error {
            case .malformed: throw bad("Give an RFC 3339 date-time.", "time")
            case .withoutOffset: throw bad("Give the time with an offset, such as Z or +02:00.", "time")
            }
        }
    }

    /// An integer, or its decimal digits as a string, since binary mode knows no other; nil for null.
    private static func version(_ value: JSONNode, _ text: JSONText) throws(Problem) -> UInt64? {
        if text.isNull(value) { return nil }
        let digits = text.string(value)
        let number =
            digits.map { $0.utf8.allSatisfy { (0x30...0x39).contains($0) } ? UInt64($0) : nil } ?? text.unsigned(value)
        guard let number else {
            throw bad("Give the version as an integer from 0; 0 says that the stream must be new.", "expectedversion")
        }
        return number
    }

    private static func flag(_ value: JSONNode, _ text: JSONText) throws(Problem) -> Bool {
        if text.isNull(value) { return false }
        if let flag = text.bool(value) { return flag }
        if text.equals(value, "true") { return true }
        guard text.equals(value, "false") else { throw bad("Give true or false.", "allowoverlap") }
        return false
    }

    private static func checkExtension(_ name: JSONNode, _ value: JSONNode, _ text: JSONText) throws(Problem) {
        guard let bytes = text.stringBytes(name), (1...64).contains(bytes.count),
            bytes.allSatisfy({ (0x61...0x7a).contains($0) || (0x30...0x39).contains($0) })
        else {
            throw Problem(.badEvent, "Name attributes in lower-case letters and digits, 64 at most.")
        }
        for key in Keys.server where text.isName(name, key) {
            throw Problem(
                .serverAttribute, "The server sets this attribute; leave it out.", [.member(key.name)])
        }
        switch text.kind(of: value) {
        case .true, .false, .null: break
        case .string:
            guard let string = text.string(value), string.utf8.count <= 8192, areAllowed(string) else {
                throw Problem(.badEvent, "Extension attributes hold 8192 bytes at most and no control characters.")
            }
        case .number:
            guard let number = text.integer(value), Int32(exactly: number) != nil else {
                throw Problem(.badEvent, "Numbers in extension attributes are integers of 32 bits.")
            }
        case .object, .array:
            throw Problem(.badEvent, "Extension attributes are strings, booleans or integers.")
        }
    }

    static func bad(_ detail: StaticString, _ member: String) -> Problem {
        Problem(.badEvent, detail, [.member(member)])
    }

    enum Keys {
        static let specversion: JSONKey = "specversion"
        static let id: JSONKey = "id"
        static let source: JSONKey = "source"
        static let type: JSONKey = "type"
        static let subject: JSONKey = "subject"
        static let time: JSONKey = "time"
        static let data: JSONKey = "data"
        static let dataBase64: JSONKey = "data_base64"
        static let datacontenttype: JSONKey = "datacontenttype"
        static let dataschema: JSONKey = "dataschema"
        static let expectedversion: JSONKey = "expectedversion"
        static let allowoverlap: JSONKey = "allowoverlap"
        /// What the server adds to an event that is read; a client sends none of it.
        static let server: [JSONKey] = ["position", "streamversion", "recordedtime", "actor", "rewoundby"]
    }
}
