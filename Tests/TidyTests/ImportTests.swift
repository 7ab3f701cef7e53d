import Foundation
import Testing

/// What each room may import besides the standard library. The same table stands in Package.swift; a change of either
/// is a design change and touches both.
private let table: [String: Set<String>] = [
    "Bytes": ["CChecksum"],
    "JSON": ["Bytes"],
    "Files": ["Bytes"],
    "Consensus": [],
    "Records": ["Bytes", "JSON"],
    "Keys": ["Bytes", "Files", "COpenSSL"],
    "Compression": ["Bytes", "CLZ4"],
    "SegmentedLog": ["Bytes", "Files", "Keys"],
    "Views": ["Bytes", "Files", "Keys", "Records"],
    "Replica": [
        "Bytes", "JSON", "Files", "Consensus", "Records", "Keys", "Compression", "SegmentedLog", "Views",
    ],
    "Backup": ["Bytes", "Files", "Keys", "Records", "SegmentedLog", "Views", "Replica"],
    "API": ["Bytes", "JSON", "Records"],
    "Linux": ["Bytes", "Files", "CLinux"],
    "Transport": ["Bytes", "Linux", "COpenSSL"],
    "Client": ["Bytes", "JSON", "Linux", "Transport"],
    "Server": [
        "Bytes", "JSON", "Files", "Consensus", "Records", "Keys", "SegmentedLog", "Views", "Replica", "API", "Linux",
        "Transport", "Backup",
    ],
    "Clinic": ["Bytes"],
    "Simulator": [
        "Bytes", "JSON", "Files", "Consensus", "Records", "Keys", "SegmentedLog", "Views", "Replica", "Clinic",
    ],
    "chartlog": [
        "Bytes", "JSON", "Files", "Records", "Keys", "SegmentedLog", "Views", "Replica", "Backup", "Linux",
        "Transport", "Client", "Server",
    ],
    "chartlog-bench": [
        "Bytes", "JSON", "Files", "Records", "Keys", "Compression", "SegmentedLog", "Views", "Replica", "Linux",
        "Transport", "Client", "Clinic",
    ],
    "chartlog-simulate": ["Linux", "Simulator"],
]

/// Modules of the toolchain, and the rooms that may know the operating system. A core knows none.
private let toolchain: [String: Set<String>] = [
    "Linux": ["Glibc", "Synchronization"], "Transport": ["Glibc", "Synchronization"], "Keys": ["Glibc"],
    "Bytes": [], "Server": ["Glibc", "Synchronization"], "Client": ["Glibc"], "chartlog": ["Glibc"],
    "chartlog-bench": ["Glibc", "Synchronization"], "chartlog-simulate": ["Glibc"],
]

@Suite struct ImportTests {
    @Test func `a room imports what the table lets it and nothing else`() {
        for file in Tree.swiftFiles(under: "Sources") {
            let allowed = table[file.room, default: []].union(toolchain[file.room, default: []]).union(["Swift"])
            for line in file.lines {
                guard let module = imported(by: line) else { continue }
                #expect(allowed.contains(module), "\(file.path) imports \(module)")
            }
        }
    }

    @Test func `the table is the one of Package.swift`() throws {
        let text = try #require(Tree.file("Package.swift")).lines.joined(separator: " ")
        for (room, enters) in table {
            let start = try #require(text.range(of: "\"\(room)\","), "Package.swift does not name \(room)")
            let list = try #require(text[start.upperBound...].firstMatch(of: /\[([^\]]*)\]/))
            let names = list.1.split(separator: ",").map { $0.filter { $0 != " " && $0 != "\"" } }
            #expect(Set(names.filter { !$0.isEmpty }) == enters, "\(room)")
        }
    }

    @Test func `every room is in the table`() {
        let rooms = Set(Tree.swiftFiles(under: "Sources").map(\.room))
        #expect(rooms.subtracting(table.keys).isEmpty)
    }

    private func imported(by line: String) -> String? {
        let words = line.split(separator: " ")
        guard let at = words.firstIndex(of: "import"), at < 2, words.count > at + 1, !line.hasPrefix(" ") else {
            return nil
        }
        return String(words[at + 1].split(separator: ".")[0])
    }
}
