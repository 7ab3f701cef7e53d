import Bytes
import JSON

/// The context attributes of one event in the JSON event format, as far as they can be checked alone.
struct Envelope {
    private(set) var id = ""
    private(set) var source = ""
    /// The UTF-8 of type and subject.
    private(set) var type: ArraySlice<UInt8> = []
    private(set) var subject: ArraySlice<UInt8> = []
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
        switch Attribute(name, text) {
        case .specversion:
            guard text.equals(value, "1.0") else { throw Self.bad("This is CloudEvents 1.0.", "specversion") }
            hasVersion = true
        case .id: id = String(decoding: try Self.string(value, text, "id", bytesMax: 1024), as: UTF8.self)
        case .source:
            let bytes = try Self.string(value, text, "source", bytesMax: 2048)
            guard URIReference.isWellFormed(bytes) else { throw Self.bad("Give a URI reference.", "source") }
            source = String(decoding: bytes, as: UTF8.self)
        case .type: type = try Self.string(value, text, "type", bytesMax: 1024)
        case .subject: subject = try Self.string(value, text, "subject", bytesMax: 1024)
        case .data:
            dataName = name
            data = text.isNull(value) ? nil : value
        case .dataBase64: try takeBase64(value, text)
        case .datacontenttype: try takeContentType(value, text)
        case .time: try Self.checkTime(value, text)
        case .dataschema:
            guard !text.isNull(value) else { return }
            guard URIReference.isAbsolute(try Self.string(value, text, "dataschema", bytesMax: 2048)) else {
                throw Self.bad("Give an absolute URI.", "dataschema")
            }
        case .expectedversion:
            cut = name
            expectedVersion = try Self.version(value, text)
        case .allowoverlap: allowsOverlap = try Self.flag(value, text)
        case nil: try Self.checkExtension(name, value, text)
        }
    }

    private func requireAll() throws(Problem) {
        guard hasVersion else { throw Self.bad("Say which version of CloudEvents it is.", "specversion") }
        for (isMissing, name) in [
            (id.isEmpty, "id"), (source.isEmpty, "source"), (type.isEmpty, "type"), (subject.isEmpty, "subject"),
        ] where isMissing {
            throw Self.bad("This attribute is required.", name)
        }
        guard dataName == nil || !hasBase64 else {
            throw Self.bad("Send data or data_base64, not both.", "data_base64")
        }
    }

    private mutating func takeContentType(_ value: JSONNode, _ text: JSONText) throws(Problem) {
        guard !text.isNull(value) else { return }
        for known in MediaType.usual where text.equals(value, known.essence) {
            contentType = known
            return
        }
        let bytes = try Self.string(value, text, "datacontenttype", bytesMax: 256)
        contentType = MediaType(String(decoding: bytes, as: UTF8.self))
        guard contentType != nil else { throw Self.bad("Give a media type.", "datacontenttype") }
    }

    private mutating func takeBase64(_ value: JSONNode, _ text: JSONText) throws(Problem) {
        guard !text.isNull(value) else { return }
        guard let bytes = text.stringBytes(value), Base64.bytes(of: bytes) != nil else {
            throw Self.bad("Encode the data in base64 (RFC 4648 section 4).", "data_base64")
        }
        hasBase64 = true
    }

    /// The UTF-8 of a non-empty string without control characters and noncharacters.
    private static func string(
        _ value: JSONNode, _ text: JSONText, _ name: String, bytesMax: Int
    ) throws(Problem) -> ArraySlice<UInt8> {
        guard let bytes = text.content(value), !bytes.isEmpty else {
            throw bad("Give a string that is not empty.", name)
        }
        guard bytes.count <= bytesMax else { throw bad("This attribute is too long.", name) }
        guard areAllowed(bytes) else { throw bad("Attributes hold no control characters.", name) }
        return bytes
    }

    /// CloudEvents 1.0 section 3.1, type String.
    private static func areAllowed(_ bytes: ArraySlice<UInt8>) -> Bool {
        let span = bytes.span
        for at in span.indices where span[at] < 0x20 || span[at] >= 0x7f {
            return String(decoding: bytes, as: UTF8.self).unicodeScalars.allSatisfy { scalar in
                switch scalar.value {
                case 0x00...0x1f, 0x7f...0x9f, 0xfdd0...0xfdef: false
                default: scalar.value & 0xfffe != 0xfffe
                }
            }
        }
        return true
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
            guard let bytes = text.content(value), bytes.count <= 8192, areAllowed(bytes) else {
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
        /// What the server adds to an event that is read; a client sends none of it.
        static let server: [JSONKey] = ["position", "streamversion", "recordedtime", "actor", "rewoundby"]
    }

    /// The attributes that mean something here.
    private enum Attribute {
        case specversion, id, source, type, subject, time, data, dataBase64, datacontenttype, dataschema
        case expectedversion, allowoverlap

        /// nil for an extension. Told by its length first, a name is compared with three at most.
        init?(_ name: JSONNode, _ text: JSONText) {
            func reads(_ word: String) -> Bool { text.equals(name, word) }
            switch text.plainRange(of: name)?.count ?? text.stringBytes(name)?.count {
            case 2 where reads("id"): self = .id
            case 4 where reads("type"): self = .type
            case 4 where reads("time"): self = .time
            case 4 where reads("data"): self = .data
            case 6 where reads("source"): self = .source
            case 7 where reads("subject"): self = .subject
            case 10 where reads("dataschema"): self = .dataschema
            case 11 where reads("specversion"): self = .specversion
            case 11 where reads("data_base64"): self = .dataBase64
            case 12 where reads("allowoverlap"): self = .allowoverlap
            case 15 where reads("datacontenttype"): self = .datacontenttype
            case 15 where reads("expectedversion"): self = .expectedversion
            default: return nil
            }
        }
    }
}
