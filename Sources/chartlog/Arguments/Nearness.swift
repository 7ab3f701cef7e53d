/// Finds what somebody meant to type.
enum Nearness {
    /// The candidate that is fewest edits away, when that is few enough to be a slip of the finger.
    static func guess(_ text: String, among candidates: [String]) -> String? {
        let best = candidates.map { (name: $0, edits: edits(Array(text.utf8), Array($0.utf8))) }
            .min { $0.edits < $1.edits }
        guard let best, best.edits <= max(1, min(3, text.utf8.count / 3)) else {
            return candidates.first { text.utf8.count >= 3 && $0.hasPrefix(text) }
        }
        return best.name
    }

    /// Insertions, removals, replacements and swaps of neighbours (optimal string alignment distance).
    static func edits(_ a: [UInt8], _ b: [UInt8]) -> Int {
        var before: [Int] = []
        var last = Array(0...b.count)
        for i in a.indices {
            var row = [i + 1]
            for j in b.indices {
                var cost = min(last[j + 1] + 1, row[j] + 1, last[j] + (a[i] == b[j] ? 0 : 1))
                if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { cost = min(cost, before[j - 1] + 1) }
                row.append(cost)
            }
            before = last
            last = row
        }
        return last[b.count]
    }
}
