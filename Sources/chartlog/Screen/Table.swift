import Linux

/// Rows under headings, aligned by the cells that letters take.
struct Table {
    struct Column {
        let title: String
        var alignsRight = false
        /// Longer values are cut.
        var widthMax = 48
    }

    private let columns: [Column]
    private var rows: [[String]] = []

    init(_ columns: [Column]) { self.columns = columns }

    mutating func add(_ cells: [String]) {
        precondition(cells.count == columns.count)
        rows.append(zip(cells, columns).map { Width.cut(Screen.safe($0), to: $1.widthMax) })
    }

    var isEmpty: Bool { rows.isEmpty }

    var lines: [String] {
        let widths = columns.indices.map { at in
            rows.reduce(Width.of(columns[at].title)) { max($0, Width.of($1[at])) }
        }
        func line(_ cells: [String]) -> String {
            let padded = columns.indices.map { at in
                let space = String(repeating: " ", count: widths[at] - Width.of(cells[at]))
                return columns[at].alignsRight ? space + cells[at] : cells[at] + space
            }
            var text = padded.joined(separator: "  ")
            while text.last == " " { text.removeLast() }
            return text
        }
        return [Screen.heading(line(columns.map(\.title)))] + rows.map(line)
    }

    func show() {
        for line in lines { Output.line(line) }
    }
}

/// Names and values, one a line.
struct Card {
    private var entries: [(name: String, value: String)] = []

    mutating func add(_ name: String, _ value: String?) {
        guard let value, !value.isEmpty else { return }
        entries.append((name, Screen.safe(value)))
    }

    func show() {
        let width = entries.map { Width.of($0.name) }.max() ?? 0
        for entry in entries { Output.line("\(Screen.faint(Width.padded(entry.name, to: width)))  \(entry.value)") }
    }
}
