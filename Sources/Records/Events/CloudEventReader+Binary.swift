import Bytes
import JSON

extension CloudEventReader {
    /// An event of the binary mode of the HTTP binding (section 3.1).
    ///
    /// `attributes` are the headers whose names begin with `ce-`, without it, in the order sent, their values as they
    /// stand in the message; `contentType` is the header of that name. A JSON body becomes `data`, any other
    /// `data_base64`; an empty one is no data.
    package static func binary(
        attributes: [(String, String)], contentType: String?, body: [UInt8], limits: EventLimits = .standard
    ) throws(Problem) -> IncomingEvent {
        guard body.count <= limits.eventBytes else { throw tooLarge(limits.eventBytes) }
        var writer = JSONWriter(reserving: body.count + 512)
        writer.beginObject()
        var names: [String] = []
        for (header, encoded) in attributes {
            let name = header.lowercased()
            switch name {
            case "datacontenttype": throw Envelope.bad("Say this with Content-Type alone.", "datacontenttype")
            case "data", "data_base64": throw Envelope.bad("Send the data as body.", "data")
            default: break
            }
            guard !names.contains(name) else { throw Problem(.badEvent, "Send each attribute once.") }
            names.append(name)
            writer.member(name, try HeaderValue.decoded(encoded))
        }
        if let contentType { writer.member("datacontenttype", contentType) }
        if !body.isEmpty { try write(body, of: contentType.flatMap { MediaType($0) }, to: &writer, limits: limits) }
        writer.endObject()
        var whole = limits
        // The body alone is measured; what stands around it is bounded by the limits of headers.
        whole.eventBytes = writer.bytes.count
        return try structured(writer.bytes, limits: whole)
    }

    private static func write(
        _ body: [UInt8], of type: MediaType?, to writer: inout JSONWriter, limits: EventLimits
    ) throws(Problem) {
        guard type?.isJSON == true else {
            writer.name("data_base64")
            writer.string(Base64.text(of: body))
            return
        }
        do {
            let text = try JSONText(parsing: body, limits: JSONLimits(depth: limits.depth - 1))
            writer.member("data", raw: text.compact(text.root))
        } catch {
            throw problem(error, from: 0, limits: limits)
        }
    }
}

/// How an attribute stands in an HTTP header (HTTP binding 1.0.2, section 3.1.3.2).
package enum HeaderValue {
    /// Quoted strings unquoted, then percent-decoded once; the result is well-formed UTF-8.
    ///
    /// - Throws: `badEvent` for anything that is not printable ASCII, for a percent sign without two digits, and for
    ///   bytes that are no UTF-8 (`%C0%A0`).
    package static func decoded(_ value: String) throws(Problem) -> String {
        let bytes = try unquoted(Array(value.utf8))
        var decoded: [UInt8] = []
        decoded.reserveCapacity(bytes.count)
        var at = 0
        while at < bytes.count {
            switch bytes[at] {
            case 0x25:
                guard at + 2 < bytes.count, let high = digit(bytes[at + 1]), let low = digit(bytes[at + 2]) else {
                    throw malformed
                }
                decoded.append(high << 4 | low)
                at += 3
            case 0x20...0x7e:
                decoded.append(bytes[at])
                at += 1
            default: throw malformed
            }
        }
        guard let text = String(validating: decoded, as: UTF8.self) else { throw malformed }
        return text
    }

    private static func unquoted(_ bytes: [UInt8]) throws(Problem) -> [UInt8] {
        guard bytes.first == 0x22 else { return bytes }
        guard bytes.count >= 2, bytes.last == 0x22 else { throw malformed }
        var result: [UInt8] = []
        var at = 1
        while at < bytes.count - 1 {
            switch bytes[at] {
            case 0x5c:
                // The closing quote itself is not escaped.
                guard at + 1 < bytes.count - 1 else { throw malformed }
                result.append(bytes[at + 1])
                at += 2
            case 0x22: throw malformed
            default:
                result.append(bytes[at])
                at += 1
            }
        }
        return result
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x37
        case 0x61...0x66: byte - 0x57
        default: nil
        }
    }

    private static var malformed: Problem {
        Problem(.badEvent, "Percent-encode attributes in headers as UTF-8 (CloudEvents HTTP binding 3.1.3.2).")
    }
}
