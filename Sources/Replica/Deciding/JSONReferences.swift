/// References to practitioners and locations in an event's JSON, found by their form.
enum JSONReferences {
    /// Every string of the text that reads `Practitioner/…`, `PractitionerRole/…`, `Location/…` and the like, in order.
    static func actors(in json: [UInt8]) -> [String] {
        var found: [String] = []
        var start: Int?
        var isEscaped = false
        for (at, byte) in json.enumerated() {
            if isEscaped {
                isEscaped = false
            } else if byte == 0x5c {
                isEscaped = true
            } else if byte == 0x22 {
                if let first = start {
                    let text = json[first..<at]
                    if text.count < 160, text.contains(0x2f), let letter = text.first, letter >= 0x41, letter <= 0x5a {
                        found.append(String(decoding: text, as: UTF8.self))
                    }
                    start = nil
                } else {
                    start = at + 1
                }
            }
        }
        return found
    }
}
