/// Where a replica is found: by the others, and by clients.
package struct Place: Equatable, Sendable {
    /// Of the replica that is there.
    package var id: Int
    /// Numeric, for nobody waits while a name is looked up.
    package var address: String
    /// For replicas.
    package var peerPort: Int
    /// For clients.
    package var clientPort: Int

    /// - Parameter address: numeric: `isNumeric`.
    package init(id: Int, address: String, peerPort: Int, clientPort: Int) {
        self.id = id
        self.address = address
        self.peerPort = peerPort
        self.clientPort = clientPort
    }

    /// Whether an address is one of IPv4, four decimal numbers, or of IPv6 (RFC 4291, 2.2): anything else would be looked
    /// up as a name.
    package static func isNumeric(_ address: String) -> Bool {
        let text = Array(address.utf8)
        guard text.count <= 45 else { return false }
        guard let colon = text.lastIndex(of: 0x3a) else { return isIPv4(text[...]) }
        // The last two groups may be written as an address of IPv4.
        let last = text[(colon + 1)...]
        guard last.contains(0x2e) else { return isIPv6(text) }
        return isIPv4(last) && isIPv6(Array(text[...colon]) + [0x30, 0x3a, 0x30])
    }

    private static func isIPv4(_ text: ArraySlice<UInt8>) -> Bool {
        let numbers = text.split(separator: 0x2e, omittingEmptySubsequences: false)
        return numbers.count == 4
            && numbers.allSatisfy { digits in
                guard (1...3).contains(digits.count), digits.allSatisfy({ (0x30...0x39).contains($0) }),
                    digits.count == 1 || digits.first != 0x30
                else { return false }
                return digits.reduce(0) { $0 * 10 + Int($1 - 0x30) } <= 255
            }
    }

    /// Eight groups of one to four hexadecimal digits; `::` once in the place of one or more that are zero.
    private static func isIPv6(_ text: [UInt8]) -> Bool {
        guard let gap = text.indices.dropLast().first(where: { text[$0] == 0x3a && text[$0 + 1] == 0x3a }) else {
            return groups(text[...]) == 8
        }
        guard let before = groups(text[..<gap]), let after = groups(text[(gap + 2)...]) else { return false }
        return before + after <= 7
    }

    /// How many groups stand there, a colon between each two; nil when something else does.
    private static func groups(_ text: ArraySlice<UInt8>) -> Int? {
        guard !text.isEmpty else { return 0 }
        let groups = text.split(separator: 0x3a, omittingEmptySubsequences: false)
        let areWhole = groups.allSatisfy { group in
            (1...4).contains(group.count)
                && group.allSatisfy { byte in
                    switch byte {
                    case 0x30...0x39, 0x41...0x46, 0x61...0x66: true
                    default: false
                    }
                }
        }
        return areWhole ? groups.count : nil
    }

    /// Whether somebody would be found where the other is.
    package func overlaps(_ other: Place) -> Bool {
        address == other.address
            && [peerPort, clientPort].contains { $0 == other.peerPort || $0 == other.clientPort }
    }
}

/// What a new replica begins with; without the root key it opens nothing.
package struct Seed: Equatable, Sendable {
    /// The key file, sealed under the root key.
    package var keys: [UInt8]
    /// The log's first frame, header and sealed body.
    package var first: [UInt8]
    /// Which clusters wrote which part of the log, as the file says it; nil in a cluster that descends from no other.
    package var lineage: [UInt8]?
    /// All replicas and spares that are known, the new one among them, ascending by id.
    package var places: [Place]

    package init(keys: [UInt8], first: [UInt8], lineage: [UInt8]? = nil, places: [Place]) {
        self.keys = keys
        self.first = first
        self.lineage = lineage
        self.places = places
    }
}
