import JSON

/// The search keys of a Patient's data, taken from its bytes: the same numbers as `PatientTerms.searchKeys` gives,
/// without a text made of any word. What is read here is what appends bring; `PatientTerms` is the plain twin that the
/// tests hold it against.
struct SearchKeys {
    private let text: JSONText
    private var keys: [UInt64] = []

    /// Ascending, without repeats; nil when only the folded resource tells: a patch may go into names, identifiers or
    /// telecoms that are no arrays.
    static func of(_ data: JSONNode, in text: JSONText) -> [UInt64]? {
        for member in [Keys.name, Keys.identifier, Keys.telecom] {
            if let value = text.member(member, of: data), text.kind(of: value) == .object { return nil }
        }
        var scan = SearchKeys(text: text)
        scan.read(data)
        scan.keys.sort()
        return scan.keys.withoutRepeats()
    }

    private init(text: JSONText) {
        self.text = text
        keys.reserveCapacity(32)
    }

    private typealias Keys = FHIRRules.Keys

    private mutating func read(_ data: JSONNode) {
        if let names = text.member(Keys.name, of: data) {
            for name in text.elements(of: names) { readName(name) }
        }
        if let identifiers = text.member(Keys.identifier, of: data) {
            for identifier in text.elements(of: identifiers) {
                if let value = text.member(Keys.value, of: identifier) { add(whole: value, .identifier) }
            }
        }
        if let date = text.member(Keys.birthDate, of: data) { addDate(date) }
        if let telecoms = text.member(Keys.telecom, of: data) {
            for telecom in text.elements(of: telecoms) {
                guard let system = text.member(Keys.system, of: telecom), text.equals(system, "phone"),
                    let value = text.member(Keys.value, of: telecom)
                else { continue }
                addPhone(value)
            }
        }
    }

    private mutating func readName(_ name: JSONNode) {
        for key in [Keys.family, Keys.text] {
            if let value = text.member(key, of: name) { addWords(value) }
        }
        for key in [Keys.given, Keys.prefix, Keys.suffix] {
            guard let values = text.member(key, of: name) else { continue }
            for value in text.elements(of: values) { addWords(value) }
        }
    }

    private mutating func addWords(_ node: JSONNode) {
        if let range = text.plainRange(of: node), addWords(in: range) { return }
        guard let value = text.string(node) else { return }
        for word in TextFolding.words(value) {
            for count in 1...3 {
                guard let key = SearchKey.word(word, count) else { break }
                keys.append(key)
            }
        }
    }

    /// False, with nothing added, when a letter stands there that folds only together with its neighbours.
    private mutating func addWords(in range: Range<Int>) -> Bool {
        let before = keys.count
        let table = FoldTable.standard
        let held = text.bytes
        let bytes = held.span
        var hash = SearchKey.Hash(.word)
        var count = 0
        var at = range.lowerBound
        while at < range.upperBound {
            let (scalar, length) = Self.scalar(bytes, at)
            at += length
            switch table.folding(of: scalar) {
            case .letters(var packed):
                while packed != 0 {
                    let byte = UInt8(truncatingIfNeeded: packed)
                    packed >>= 8
                    // A byte that goes on with a character begins none.
                    if byte & 0xc0 != 0x80 {
                        if (1...3).contains(count) { keys.append(hash.value) }
                        count += 1
                    }
                    if count <= 3 { hash.add(byte) }
                }
            case .nothing: break
            case .gap:
                if (1...3).contains(count) { keys.append(hash.value) }
                hash = SearchKey.Hash(.word)
                count = 0
            case .unknown:
                keys.removeSubrange(before...)
                return false
            }
        }
        if (1...3).contains(count) { keys.append(hash.value) }
        return true
    }

    /// The character at a place of checked UTF-8, and how many bytes it has.
    @inline(__always)
    private static func scalar(_ bytes: Span<UInt8>, _ at: Int) -> (UInt32, Int) {
        let first = UInt32(bytes[at])
        func next(_ offset: Int) -> UInt32 { UInt32(bytes[at + offset] & 0x3f) }
        if first < 0x80 { return (first, 1) }
        if first < 0xe0 { return ((first & 0x1f) << 6 | next(1), 2) }
        if first < 0xf0 { return ((first & 0x0f) << 12 | next(1) << 6 | next(2), 3) }
        return ((first & 0x07) << 18 | next(1) << 12 | next(2) << 6 | next(3), 4)
    }

    private mutating func add(whole node: JSONNode, _ kind: SearchKey.Kind) {
        guard let range = text.plainRange(of: node) else {
            if let value = text.string(node) { keys.append(SearchKey.hash(kind, value)) }
            return
        }
        var hash = SearchKey.Hash(kind)
        for at in range { hash.add(text.bytes[at]) }
        keys.append(hash.value)
    }

    /// A checked date is ASCII: its year, month and day are the first 4, 7 and 10 bytes.
    private mutating func addDate(_ node: JSONNode) {
        guard let bytes = text.stringBytes(node) else { return }
        var hash = SearchKey.Hash(.birthDate)
        for (at, byte) in bytes.prefix(10).enumerated() {
            hash.add(byte)
            if at == 3 || at == 6 || at == 9 { keys.append(hash.value) }
        }
    }

    private mutating func addPhone(_ node: JSONNode) {
        guard let range = text.plainRange(of: node), text.bytes[range].allSatisfy({ $0 < 0x80 }) else {
            if let digits = text.string(node).map({ PatientTerms.digits($0) }), !digits.isEmpty {
                keys.append(SearchKey.hash(.phone, digits))
            }
            return
        }
        var hash = SearchKey.Hash(.phone)
        var isEmpty = true
        for at in range where (0x30...0x39).contains(text.bytes[at]) {
            hash.add(text.bytes[at])
            isEmpty = false
        }
        if !isEmpty { keys.append(hash.value) }
    }
}

extension [UInt64] {
    /// Of ascending numbers: each once.
    func withoutRepeats() -> [UInt64] {
        var kept: [UInt64] = []
        kept.reserveCapacity(count)
        for number in self where kept.last != number { kept.append(number) }
        return kept
    }
}
