/// Copying without the white space between tokens; strings and numbers stay letter by letter.
extension JSONText {
    package func compact(_ node: JSONNode) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(range(of: node).count)
        appendCompact(node, onto: &result)
        return result
    }

    package func appendCompact(_ node: JSONNode, onto result: inout [UInt8]) {
        let cell = cells[node.index]
        let last = cell.isName ? node.index + 1 : Int(cell.next)
        append(cell.start..<cell.end, cells: node.index..<last, onto: &result)
    }

    /// The member whose name is `name`: name, colon, value.
    package func appendCompactMember(_ name: JSONNode, onto result: inout [UInt8]) {
        let value = cells[name.index + 1]
        append(
            cells[name.index].start..<value.end, cells: name.index..<Int(value.next), onto: &result)
    }

    private func append(_ range: Range<Int>, cells indices: Range<Int>, onto result: inout [UInt8]) {
        guard isSpaced else {
            result.append(contentsOf: bytes[range])
            return
        }
        // Strings are skipped whole; outside of them a byte up to 0x20 is white space.
        let text = bytes.span
        var runStart = range.lowerBound
        var at = range.lowerBound
        var next = indices.lowerBound
        while at < range.upperBound {
            let byte = text[at]
            if byte == 0x22 {
                while cells[next].start < at { next += 1 }
                at = cells[next].end
            } else if byte > 0x20 {
                at += 1
            } else {
                if at > runStart { result.append(contentsOf: bytes[runStart..<at]) }
                at += 1
                runStart = at
            }
        }
        if at > runStart { result.append(contentsOf: bytes[runStart..<at]) }
    }
}
