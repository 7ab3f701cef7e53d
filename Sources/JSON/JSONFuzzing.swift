/// The door for a fuzzer: any bytes go in, and what must hold of every text is demanded.
package enum JSONFuzzing {
    package static func run(_ bytes: [UInt8]) {
        guard let text = try? JSONText(parsing: bytes) else { return }
        let compact = text.compact(text.root)
        guard let again = try? JSONText(parsing: compact), !again.isSpaced else {
            preconditionFailure("a compact text is not taken again")
        }
        precondition(again.compact(again.root) == compact)
        guard let canonical = try? JSONEquality.canonical(bytes), let same = try? JSONEquality.canonical(canonical)
        else {
            preconditionFailure("a canonical text is not taken")
        }
        precondition(same == canonical)
        // A text merged into nothing has no nulls left, so that merging it once more changes nothing.
        guard let merged = try? JSONMergePatch.merged(target: nil, patch: compact),
            let twice = try? JSONMergePatch.merged(target: merged, patch: compact)
        else { preconditionFailure("a merged text is not taken") }
        precondition(merged == twice)
    }
}
