import Records

/// What header fields say beside routing and framing.
enum RequestFields {
    /// A field that may stand once.
    static func single(_ name: FieldName, _ head: RequestHead) throws(Problem) -> String? {
        guard head.count(name) <= 1 else {
            throw Problem(.badHeader, "Send this header once.", [.member(name.rawValue)])
        }
        return head.text(name)
    }

    /// `X-Purpose-Of-Use`: a v3-PurposeOfUse code.
    static func purpose(_ head: RequestHead) throws(Problem) -> Purpose? {
        guard head.count(.purposeOfUse) > 0 else { return nil }
        guard head.count(.purposeOfUse) == 1, let purpose = Purpose(code: head.text(.purposeOfUse) ?? "") else {
            throw Problem(
                .badPurpose, "Send one v3-PurposeOfUse code, such as TREAT.", [.member("X-Purpose-Of-Use")])
        }
        return purpose
    }

    /// `Chartlog-On-Behalf-Of`: a FHIR reference.
    static func onBehalfOf(_ head: RequestHead) throws(Problem) -> String? {
        guard let text = try single(.onBehalfOf, head) else { return nil }
        guard References.isReference(text) else {
            throw Problem(
                .badHeader, "Send a FHIR reference such as Practitioner/pr-7.", [.member("Chartlog-On-Behalf-Of")])
        }
        return text
    }

    /// `Chartlog-Position` of an earlier answer: what is read now must stand there or later.
    static func position(_ head: RequestHead) throws(Problem) -> UInt64? {
        guard let text = try single(.position, head) else { return nil }
        guard let position = Decimal.unsigned(text) else {
            throw Problem(.badHeader, "Send a position as decimal digits.", [.member("Chartlog-Position")])
        }
        return position
    }

    /// `Idempotency-Key`, quoted as the draft says or bare; 1 to 255 visible characters.
    static func idempotencyKey(_ head: RequestHead) throws(Problem) -> String? {
        guard let text = try single(.idempotencyKey, head) else { return nil }
        var refusal: Problem {
            Problem(
                .badHeader, "Send 1 to 255 visible characters, in double quotes or bare.", [.member("Idempotency-Key")])
        }
        var bytes = Array(text.utf8)
        if bytes.first == 0x22 {
            guard bytes.count >= 2, bytes.last == 0x22 else { throw refusal }
            guard let plain = unquoted(bytes[1..<(bytes.count - 1)]) else { throw refusal }
            bytes = plain
        }
        guard (1...255).contains(bytes.count), bytes.allSatisfy({ $0 >= 0x21 && $0 <= 0x7e }) else { throw refusal }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The inside of a structured field String (RFC 8941 §3.3.3): only `\"` and `\\` are escapes.
    private static func unquoted(_ inside: ArraySlice<UInt8>) -> [UInt8]? {
        var plain: [UInt8] = []
        var isEscaped = false
        for byte in inside {
            if isEscaped {
                guard byte == 0x22 || byte == 0x5c else { return nil }
                plain.append(byte)
                isEscaped = false
            } else if byte == 0x5c {
                isEscaped = true
            } else {
                guard byte != 0x22 else { return nil }
                plain.append(byte)
            }
        }
        return isEscaped ? nil : plain
    }

    /// The client's request id if it is 1 to 128 visible ASCII characters, else nil: one is drawn instead.
    static func requestID(_ head: RequestHead) -> String? {
        guard head.count(.requestID) == 1, let range = head.value(.requestID), (1...128).contains(range.count),
            head.bytes[range].allSatisfy({ $0 >= 0x21 && $0 <= 0x7e })
        else { return nil }
        return head.text(in: range)
    }

    /// A valid traceparent (W3C Trace Context §3.2); anything else, and two of them, count as none sent. Of versions
    /// above 00 the four known fields are read, and kept as version 00.
    static func traceParent(_ head: RequestHead) -> String? {
        guard head.count(.traceParent) == 1, let range = head.value(.traceParent), range.count >= 55 else { return nil }
        let bytes = Array(head.bytes[range])
        func isLowerHex(_ range: Range<Int>) -> Bool {
            bytes[range].allSatisfy { RequestLine.isDigit($0) || ($0 >= 0x61 && $0 <= 0x66) }
        }
        func isZero(_ range: Range<Int>) -> Bool { bytes[range].allSatisfy { $0 == 0x30 } }
        guard isLowerHex(0..<2), bytes[2] == 0x2d, isLowerHex(3..<35), bytes[35] == 0x2d, isLowerHex(36..<52),
            bytes[52] == 0x2d, isLowerHex(53..<55), !isZero(3..<35), !isZero(36..<52),
            !(bytes[0] == 0x66 && bytes[1] == 0x66)
        else { return nil }
        let isFirstVersion = isZero(0..<2)
        guard bytes.count == 55 || (!isFirstVersion && bytes[55] == 0x2d) else { return nil }
        return "00" + String(decoding: bytes[2..<55], as: UTF8.self)
    }

    /// `Prefer: handling=lenient` (RFC 7240).
    static func isLenient(_ head: RequestHead) -> Bool {
        (head.list(.prefer) ?? "").split { $0 == "," || $0 == ";" }
            .contains { Texts.trimmed($0).lowercased().filter { $0 != "\"" } == "handling=lenient" }
    }
}
